package dep

import (
	"context"
	"net/http"

	"github.com/applemdm/applemdm/internal/rest"
)

// BetaToken lets a device enrol in a beta programme of AppleSeed for IT. It is good for the
// organisation and for one seeding period, so read the tokens anew from time to time.
//
// https://developer.apple.com/documentation/devicemanagement/seedbuildtoken
type BetaToken struct {
	Token   string  `json:"token,omitzero"`
	Title   string  `json:"title,omitzero"`
	OS      OS      `json:"os,omitzero"` // for Macs, Apple's pages say OSX and macOS; OSX has been seen. iPads are iOS
	Unknown Unknown `json:",embed"`
}

// BetaTokens reads the tokens of the beta programmes that the organisation may use.
// [ErrSeedForITOff] means that it has not turned on AppleSeed for IT.
//
// https://developer.apple.com/documentation/devicemanagement/get-beta-enrollment-tokens
func (c *Client) BetaTokens(ctx context.Context) ([]BetaToken, error) {
	type betaTokens struct {
		Tokens []BetaToken `json:"betaEnrollmentTokens"`
		Old    []BetaToken `json:"seedBuildTokens"` // in older schemas
	}
	answer, err := call[betaTokens](ctx, c, request{
		op: "read beta tokens", method: http.MethodGet, path: rest.Path{"os-beta-enrollment", "tokens"}, repeatable: true,
	})
	if err != nil {
		return nil, err
	}
	if len(answer.Tokens) == 0 {
		return answer.Old, nil
	}
	return answer.Tokens, nil
}
