package axm

// EventType says what has happened. Later versions of the service have others than those listed here.
//
// https://developer.apple.com/documentation/applebusinessapi/auditeventtype
type EventType string

// The types that Apple names.
const (
	EventDeviceAddedToOrg              EventType = "DEVICE_ADDED_TO_ORG"
	EventDeviceRemovedFromOrg          EventType = "DEVICE_REMOVED_FROM_ORG"
	EventDeviceAssignedToServer        EventType = "DEVICE_ASSIGNED_TO_SERVER"
	EventDeviceUnassignedFromServer    EventType = "DEVICE_UNASSIGNED_FROM_SERVER"
	EventDeviceIsErased                EventType = "DEVICE_IS_ERASED"
	EventICloudStoragePurchaseAdded    EventType = "SUBJECT_HAS_ICLOUD_STORAGE_PURCHASE_ADDED"
	EventICloudStoragePurchaseRemoved  EventType = "SUBJECT_HAS_ICLOUD_STORAGE_PURCHASE_REMOVED"
	EventAppleCarePurchaseAdded        EventType = "SUBJECT_HAS_APPLECARE_PURCHASE_ADDED"
	EventAppleCarePurchaseRemoved      EventType = "SUBJECT_HAS_APPLECARE_PURCHASE_REMOVED"
	EventConfigSettingsCreated         EventType = "CONFIG_SETTINGS_CREATED"
	EventConfigSettingsUpdated         EventType = "CONFIG_SETTINGS_UPDATED"
	EventConfigSettingsDeleted         EventType = "CONFIG_SETTINGS_DELETED"
	EventCollectionCreated             EventType = "COLLECTION_CREATED"
	EventCollectionUpdated             EventType = "COLLECTION_UPDATED"
	EventCollectionDeleted             EventType = "COLLECTION_DELETED"
	EventSubscriptionCreated           EventType = "SUBSCRIPTION_CREATED"
	EventSubscriptionUpdated           EventType = "SUBSCRIPTION_UPDATED"
	EventSubscriptionDeleted           EventType = "SUBSCRIPTION_DELETED"
	EventAccountAdded                  EventType = "ACCOUNT_ADDED"
	EventAccountDeleted                EventType = "ACCOUNT_DELETED"
	EventAccountRoleLocationChanged    EventType = "ACCOUNT_ROLE_LOCATION_CHANGED"
	EventExternalAccountAssociated     EventType = "EXTERNAL_ACCOUNT_ASSOCIATED"
	EventExternalAccountDisassociated  EventType = "EXTERNAL_ACCOUNT_DISASSOCIATED"
	EventDomainAdded                   EventType = "DOMAIN_ADDED"
	EventDomainRemoved                 EventType = "DOMAIN_REMOVED"
	EventDomainVerified                EventType = "DOMAIN_VERIFIED"
	EventAPIAccountCreatedWithKey      EventType = "API_ACCOUNT_CREATED_WITH_KEY"
	EventAPIAccountCreatedWithoutKey   EventType = "API_ACCOUNT_CREATED_WITHOUT_KEY"
	EventAPIAccountDeleted             EventType = "API_ACCOUNT_DELETED"
	EventAPIAccountKeyGenerated        EventType = "API_ACCOUNT_KEY_GENERATED"
	EventAPIAccountKeyRevoked          EventType = "API_ACCOUNT_KEY_REVOKED"
	EventAPIAccountRoleLocationChanged EventType = "API_ACCOUNT_ROLE_LOCATION_CHANGED"
	EventAPIAccountNameChanged         EventType = "API_ACCOUNT_NAME_CHANGED"
)
