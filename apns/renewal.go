package apns

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrTopicChanged matches a [*TopicError].
	ErrTopicChanged = errors.New("the certificate has another topic, so it was created anew instead of renewed")

	// ErrSameCertificate reports that the certificate offered is the one in use: somebody took the
	// old file, or the portal's renewal was not finished.
	ErrSameCertificate = errors.New("the certificate is the one already in use")

	// ErrExpiresEarlier reports a certificate that expires before the one in use, which therefore is
	// not the latest of the portal. Download that.
	ErrExpiresEarlier = errors.New("the certificate expires before the one already in use")

	// ErrCertificateExpired reports a certificate that nobody can push with any more.
	ErrCertificateExpired = errors.New("the certificate has expired")
)

// TopicError reports a push certificate whose topic is not that of the certificate in use. It comes
// about when somebody chooses "Create a Certificate" in the push portal instead of "Renew", or renews
// with another Apple Account.
//
// Enrolled devices listen to the topic with which they were enrolled, and that cannot be changed in
// place: an update of the MDM profile with another topic is refused by the device. With the new
// certificate, every push to them fails (DeviceTokenNotForTopic), until they are enrolled again or the
// old certificate is back. So keep the old certificate, go to the portal with the Apple Account that
// made it, and renew it on its row; a new key and a new request are fine for that. If no device is
// enrolled yet, or all shall be enrolled again, force the new one.
//
// It matches [ErrTopicChanged].
type TopicError struct {
	Stored, Offered string // topics
}

func (e *TopicError) Error() string {
	return fmt.Sprintf("push: %s: its topic is %q, the stored certificate's is %q", ErrTopicChanged, e.Offered, e.Stored)
}

// Is makes errors.Is(err, ErrTopicChanged) true.
func (e *TopicError) Is(target error) bool { return target == ErrTopicChanged }

// CheckTopic returns a [*TopicError] if offered has another topic than stored. A stored certificate
// that is nil accepts any. [CheckRenewal] does this check among others.
func CheckTopic(stored, offered *Certificate) error {
	if !stored.isZero() && !offered.isZero() && stored.topic != offered.topic {
		return &TopicError{Stored: stored.topic, Offered: offered.topic}
	}
	return nil
}

// RenewalOptions adjusts [CheckRenewal].
type RenewalOptions struct {
	// Force accepts a certificate with another topic, one that has expired, one that expires before
	// the stored certificate, and the stored certificate itself.
	Force bool
}

// CheckRenewal says whether offered may take the place of stored, which is nil if there is none yet.
// Call it before a new certificate is stored, and ask the administrator before forcing it.
//
// Errors: [*InputError] if offered is empty, which nothing forces; [*TopicError],
// [ErrCertificateExpired], [ErrSameCertificate] and [ErrExpiresEarlier], in this order, unless opts
// force it.
func CheckRenewal(stored, offered *Certificate, opts *RenewalOptions) error {
	if offered.isZero() {
		return errNoCertificate
	}
	if opts != nil && opts.Force {
		return nil
	}
	if err := CheckTopic(stored, offered); err != nil {
		return err
	}
	switch {
	case offered.Expired(time.Now()):
		return fmt.Errorf("push: %w (on %s)", ErrCertificateExpired, offered.NotAfter().Format(time.DateOnly))
	case stored.isZero():
		return nil
	case offered.Fingerprint() == stored.Fingerprint():
		return fmt.Errorf("push: %w", ErrSameCertificate)
	case offered.NotAfter().Before(stored.NotAfter()):
		return fmt.Errorf("push: %w (on %s, not on %s)", ErrExpiresEarlier,
			offered.NotAfter().Format(time.DateOnly), stored.NotAfter().Format(time.DateOnly))
	}
	return nil
}
