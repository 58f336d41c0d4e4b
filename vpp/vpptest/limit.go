package vpptest

// The names of the limits in the service configuration.
const (
	maxAssets           = "maxAssets"
	maxClientUserIDs    = "maxClientUserIds"
	maxSerialNumbers    = "maxSerialNumbers"
	maxRevokeUserIDs    = "maxRevokeClientUserIds"
	maxRevokeSerials    = "maxRevokeSerialNumbers"
	maxUsers            = "maxUsers"
	maxSubscriptions    = "maxSubscriptions"
	maxSubscriptionIDs  = "maxSubscriptionClientUserIds"
	maxNotification     = "maxNotificationLength"
	maxMdmName          = "maxMdmNameLength"
	maxMdmID            = "maxMdmIdLength"
	maxMdmMetadata      = "maxMdmMetadataLength"
	maxRequestPerSecond = "maxRequestPerSecond"
)

func defaultLimits() map[string]int {
	return map[string]int{
		maxAssets:           25,
		maxClientUserIDs:    1000,
		maxSerialNumbers:    1000,
		maxRevokeUserIDs:    100,
		maxRevokeSerials:    100,
		maxUsers:            100,
		maxSubscriptions:    25,
		maxSubscriptionIDs:  1000,
		maxNotification:     512,
		maxMdmName:          100,
		maxMdmID:            100,
		maxMdmMetadata:      255,
		maxRequestPerSecond: 15,
	}
}

// SetLimit changes a limit of the service configuration, by the name it has there, and obeys it from
// now on; clients learn of it when they read the configuration again. A value below 1 takes the
// limit out: maxRequestPerSecond then is unlimited, the others stay as they are by default. Unknown
// names are published and mean nothing. The limits of version 1 are
// "maxBatchAssociateLicenseCount" and "maxBatchDisassociateLicenseCount".
func (s *Server) SetLimit(name string, value int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name == legacyAssociate || name == legacyDisassociate {
		s.legacy.limits[name] = max(value, 1)
		return
	}
	if value < 1 {
		delete(s.limits, name)
		return
	}
	s.limits[name] = value
}

// limit returns what name allows; 0 is anything.
func (s *Server) limit(name string) int {
	if n, ok := s.limits[name]; ok || name == maxRequestPerSecond {
		return n
	}
	return defaultLimits()[name]
}
