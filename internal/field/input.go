package field

// InputError reports an argument, option or file that was refused before any request was made.
// Trying again with the same input never helps.
type InputError struct {
	Field string // what was refused, in the words of Apple's documentation or of the Go API
	Rule  string // the rule it breaks
}

func (e *InputError) Error() string { return e.Field + ": " + e.Rule }
