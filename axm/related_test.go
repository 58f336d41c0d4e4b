package axm

import (
	"errors"
	"testing"
)

// What was asked for and cannot be read is not passed over.
func TestOddRelations(t *testing.T) {
	for name, tt := range map[string]struct{ relationships, included string }{
		"relationships":      {`[]`, `[]`},
		"relationship":       {`{"apps":[]}`, `[]`},
		"data":               {`{"apps":{"data":{}}}`, `[]`},
		"paging":             {`{"apps":{"data":[],"meta":{"paging":{"total":"1"}}}}`, `[]`},
		"included":           {`{}`, `{}`},
		"included attribute": {`{"apps":{"data":[{"type":"apps","id":"1"}]}}`, `[{"type":"apps","id":"1","attributes":[]}]`},
	} {
		t.Run(name, func(t *testing.T) {
			blueprint := `{"type":"blueprints","id":"b","attributes":{},"relationships":` + tt.relationships + `}`
			checkUnreadable(t, `{"data":`+blueprint+`,"included":`+tt.included+`}`, `{"data":[`+blueprint+`],"included":`+tt.included+`}`)
		})
	}
	for _, text := range []string{`{"data":null}`, `{}`, `{"data":"b"}`, ``} {
		checkUnreadable(t, text, text)
	}
}

func checkUnreadable(t *testing.T, one, page string) {
	t.Helper()
	b, err := everything().decodeBlueprint("read blueprint", answerOf(200, []byte(one)))
	if e, ok := errors.AsType[*Error](err); b != nil || !ok || !errors.Is(err, ErrUnexpectedAnswer) || e.Op != "read blueprint" {
		t.Errorf("%s: %+v, %v", one, b, err)
	}
	if items, _, err := everything().decodePage([]byte(page)); err == nil || items != nil {
		t.Errorf("%s: %+v, %v", page, items, err)
	}
}
