package axm

// API is one of the two services, which share most of their endpoints. The client ID of a key tells
// which one it is for: see [Key.API].
type API string

// The two services. What only Apple Business has fails with [ErrNotInThisAPI] on the other.
const (
	APIBusiness API = "business" // Apple Business, formerly Apple Business Manager
	APISchool   API = "school"   // Apple School Manager
)

// BaseURL returns where the service is.
func (a API) BaseURL() string { return "https://api-" + string(a) + ".apple.com" }

// scope is what an access token is asked for.
func (a API) scope() string { return string(a) + ".api" }

func (a API) known() bool { return a == APIBusiness || a == APISchool }
