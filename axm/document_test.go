package axm

import (
	"testing"

	"github.com/go-json-experiment/json"
)

func TestOutgoing(t *testing.T) {
	for want, document := range map[string]outgoing{
		`{"data":{"type":"mdmServers","id":"F1"}}`: {outgoingResource{Type: kindServers, ID: "F1"}},
		`{"data":{"type":"x","attributes":{"serverName":"A"},"relationships":{"mdmServer":{"data":{"type":"mdmServers","id":"F1"}},"devices":{"data":[{"type":"orgDevices","id":"A1"},{"type":"orgDevices","id":"A2"}]}}}}`: {outgoingResource{
			Type: "x", Attributes: serverAttributes{ServerName: "A"},
			Relationships: map[string]relationship{
				"mdmServer": {linkage{kindServers, "F1"}},
				"devices":   {linkages(kindDevices, []string{"A1", "A2"})},
			},
		}},
		`{"data":{"type":"x","relationships":{"users":{"data":[]}}}}`: {outgoingResource{
			Type: "x", Relationships: map[string]relationship{"users": {linkages("users", nil)}},
		}},
	} {
		got, err := json.Marshal(document)
		var a, b any
		if err != nil || json.Unmarshal(got, &a) != nil || json.Unmarshal([]byte(want), &b) != nil {
			t.Fatal(err)
		}
		canonical, _ := json.Marshal(a, json.Deterministic(true))
		wanted, _ := json.Marshal(b, json.Deterministic(true))
		if string(canonical) != string(wanted) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
