package vpptest

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
)

// The numbers that this package decides on by name.
const (
	missingArgument   = 9600
	loginRequired     = 9601
	invalidArgument   = 9602
	internalError     = 9603
	nothingFound      = 9604
	userNotFound      = 9609
	noLicence         = 9610
	alreadyHas        = 9616
	movedService      = 9617
	alreadyRetired    = 9618
	notAssociated     = 9619
	userDeleted       = 9620
	tokenExpired      = 9621
	tokenInvalid      = 9622
	tokenRevoked      = 9625
	irrevocable       = 9607
	notForDevices     = 9628
	foreignBatch      = 9629
	batchLost         = 9633
	serviceRemoved    = 9634
	accountForeign    = 9635
	notAllowed        = 9637
	accountTaken      = 9641
	maintenance       = 9644
	managedByApple    = 9645
	tooManyRequests   = 9646
	userBasedToken    = 9647
	badPage           = 9650
	tooManyAssets     = 9700
	tooManyUserIDs    = 9701
	tooManySerials    = 9702
	duplicateAssets   = 9703
	duplicateUserIDs  = 9704
	duplicateSerials  = 9705
	notRevocable      = 9706
	notAssignable     = 9707
	eventNotFound     = 9708
	notEnough         = 9709
	hookIncomplete    = 9710
	hookTooLong       = 9711
	hookInvalid       = 9712
	metadataTooLong   = 9713
	tooManyUsers      = 9714
	duplicateUsers    = 9715
	userExists        = 9716
	badEmail          = 9717
	assetsMissing     = 9718
	targetsMissing    = 9719
	usersMissing      = 9720
	badVersion        = 9721
	badAuthorization  = 9722
	mdmIncomplete     = 9723
	mdmIDTooLong      = 9724
	mdmNameTooLong    = 9725
	badMethod         = 9726
	badContentType    = 9727
	hookUnreachable   = 9728
	unavailable       = 9729
	badSubscription   = 9811
	badCursor         = 9812
	badAdamID         = 9813
	userNotAssociated = 9814
	notHeld           = 9815
	tooManySubs       = 9816
	heldByGroup       = 9817
	subscriptionsLeft = 9818
)

// errorKind is one row of Apple's table.
type errorKind struct {
	status int  // of version 2; 0 for those that only come with events
	listed bool // among the errorCodes of the service configuration
	text   string
}

// errorTable is version 2's.
func errorTable() map[int]errorKind {
	const s400, s401, s403 = http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden
	return map[int]errorKind{
		loginRequired:     {s401, true, "Login required."},
		invalidArgument:   {s400, true, "Invalid argument."},
		internalError:     {500, true, "Internal error."},
		userNotFound:      {s400, true, "Registered user not found."},
		tokenExpired:      {s401, true, "The sToken has expired. Download a new one."},
		9623:              {s400, false, "Invalid Apple push notification token."},
		tokenRevoked:      {s401, true, "The sToken has been revoked."},
		serviceRemoved:    {http.StatusGone, true, "The service has been removed."},
		accountForeign:    {0, false, "The Apple Account cannot be associated with this user."},
		notAllowed:        {s403, false, "Operation not allowed."},
		accountTaken:      {0, false, "The Apple Account is already associated with another user."},
		maintenance:       {0, false, "The service is in maintenance mode."},
		managedByApple:    {s403, false, "The location is managed by Apple's built-in device management."},
		tooManyRequests:   {http.StatusTooManyRequests, true, "Too many requests for the organization."},
		userBasedToken:    {s403, false, "Operation not supported for legacy tokens."},
		badPage:           {s400, true, "The page index is out of range."},
		tooManyAssets:     {s400, true, "Too many assets."},
		tooManyUserIDs:    {s400, true, "Too many clientUserIds."},
		tooManySerials:    {s400, true, "Too many serialNumbers."},
		duplicateAssets:   {s400, true, "Duplicate assets."},
		duplicateUserIDs:  {s400, true, "Duplicate clientUserIds."},
		duplicateSerials:  {s400, true, "Duplicate serialNumbers."},
		notRevocable:      {s400, true, "The asset is not revocable."},
		notAssignable:     {s400, true, "The asset is not device assignable."},
		eventNotFound:     {s400, true, "The eventId was not found."},
		notEnough:         {0, true, "Not enough licenses."},
		hookIncomplete:    {s400, true, "The notification URL and its auth token have to come together."},
		hookTooLong:       {s400, true, "The notification URL or auth token is too long."},
		hookInvalid:       {s400, true, "The notification URL is invalid."},
		metadataTooLong:   {s400, true, "The metadata of the MDM info is too long."},
		tooManyUsers:      {s400, true, "Too many users."},
		duplicateUsers:    {s400, true, "Duplicate users."},
		userExists:        {0, true, "An active user with this clientUserId exists."},
		badEmail:          {s400, true, "Invalid email."},
		assetsMissing:     {s400, true, "The assets are missing."},
		targetsMissing:    {s400, true, "clientUserIds and serialNumbers are missing."},
		usersMissing:      {s400, true, "The users are missing."},
		badVersion:        {s400, true, "Invalid version ID."},
		badAuthorization:  {s401, true, "The Authorization header has to be Bearer {sToken}."},
		mdmIncomplete:     {s400, true, "The MDM info needs an id, a name and metadata."},
		mdmIDTooLong:      {s400, true, "The id of the MDM info is too long."},
		mdmNameTooLong:    {s400, true, "The name of the MDM info is too long."},
		badMethod:         {http.StatusMethodNotAllowed, true, "The HTTP method is not supported."},
		badContentType:    {http.StatusUnsupportedMediaType, true, "The content type is not supported."},
		hookUnreachable:   {s400, true, "The notification URL is not reachable."},
		unavailable:       {http.StatusServiceUnavailable, false, "Temporarily unavailable."},
		badSubscription:   {s400, false, "The subscription association request is invalid."},
		badCursor:         {s400, false, "Invalid cursor."},
		badAdamID:         {s400, false, "Invalid Adam ID."},
		userNotAssociated: {s400, false, "No associated registered user for the clientUserId."},
		notHeld:           {s400, false, "The user does not hold the requested Adam ID."},
		tooManySubs:       {s400, false, "Subscription limits exceeded."},
		heldByGroup:       {s400, false, "The user has the subscription through a group."},
		subscriptionsLeft: {s400, false, "Subscriptions exist."},
	}
}

// errorText is the text of any number.
func errorText(number int) string {
	if k, ok := errorTable()[number]; ok {
		return k.text
	}
	if text, ok := legacyTexts()[number]; ok {
		return text
	}
	return "Error " + strconv.Itoa(number) + "."
}

// errorStatus is the status of a number in version 2. Numbers that should only come with events
// have none of their own.
func errorStatus(number int) int {
	if k := errorTable()[number]; k.status != 0 {
		return k.status
	}
	return http.StatusBadRequest
}

type codeEntry struct {
	Message string `json:"errorMessage"`
	Number  int    `json:"errorNumber"`
}

// errorCodes is the list of the service configuration.
func errorCodes() []codeEntry {
	var list []codeEntry
	for number, k := range errorTable() {
		if k.listed {
			list = append(list, codeEntry{k.text, number})
		}
	}
	slices.SortFunc(list, func(a, b codeEntry) int { return a.Number - b.Number })
	return list
}

type assetRef struct {
	AdamID       string `json:"adamId"`
	PricingParam string `json:"pricingParam"`
}

// errorInfo names what an error is about.
type errorInfo struct {
	Assets        []assetRef `json:"assets,omitempty"`
	ClientUserIDs []string   `json:"clientUserIds,omitempty"`
	SerialNumbers []string   `json:"serialNumbers,omitempty"`
}

// errorObject is an error as it is in bodies, in failures and in notifications.
type errorObject struct {
	Number  int        `json:"errorNumber"`
	Message string     `json:"errorMessage"`
	Info    *errorInfo `json:"errorInfo,omitzero"`
}

func errorOf(number int, info *errorInfo) errorObject {
	return errorObject{number, errorText(number), info}
}

func errorBody(number int, info *errorInfo) []byte { return encode(errorOf(number, info)) }

// encode writes what this package made itself, which cannot fail.
func encode(v any) []byte {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		panic("vpptest: " + err.Error())
	}
	return b
}

// ErrorFault returns a fault that answers the next request with an error of version 2, in its
// status and body. Set Path, Count and the rest as needed, Status to 200 for an error in disguise.
func ErrorFault(number int) Fault {
	return Fault{Kind: Answer, Status: errorStatus(number), Body: string(errorBody(number, nil))}
}
