package sniff

// WrongFileError reports that a file is sound perhaps, but not the one that was asked for. The
// services share this type, so that a page which accepts uploads can name the mix-up whatever the
// file was meant for.
type WrongFileError struct {
	Want Kind // what was asked for
	Got  Kind // what the file looks like
}

func (e *WrongFileError) Error() string {
	return "wrong file: want " + string(e.Want) + ", got " + string(e.Got)
}
