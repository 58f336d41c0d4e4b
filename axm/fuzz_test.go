package axm

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/applemdm/applemdm/internal/rest"
)

// seedJSON adds texts, and each of them cut off in the middle.
func seedJSON(f *testing.F, texts ...string) {
	for _, text := range texts {
		f.Add([]byte(text))
		f.Add([]byte(text[:len(text)/2]))
	}
}

// smallKey is the same in every run, and good for nothing.
func smallKey() *ecdsa.PrivateKey {
	d := make([]byte, 32)
	d[31] = 7
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d)
	if err != nil {
		panic(err)
	}
	return key
}

func FuzzParseKey(f *testing.F) {
	pkcs8, err := x509.MarshalPKCS8PrivateKey(smallKey())
	if err != nil {
		f.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(smallKey())
	if err != nil {
		f.Fatal(err)
	}
	const clientID, keyID = "BUSINESSAPI.0a1b2c3d", "0a1b"
	for _, der := range [][]byte{pkcs8, sec1} {
		for _, label := range []string{"EC PRIVATE KEY", "PRIVATE KEY", "X"} {
			f.Add(clientID, keyID, pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
		}
		f.Add(" "+clientID+"\n", "\ufeff"+keyID, der)
		f.Add("SCHOOLAPI.", keyID, der[:len(der)/2])
	}
	f.Add(keyID, clientID, []byte("<html>"))
	f.Fuzz(func(t *testing.T, clientID, keyID string, data []byte) {
		key, err := ParseKey(clientID, keyID, data)
		if err != nil {
			_, wrong := errors.AsType[*WrongFileError](err)
			_, input := errors.AsType[*InputError](err)
			if !wrong && !input || key != nil {
				t.Fatalf("%v, %T", key, err)
			}
			return
		}
		if !key.API().known() || strings.ContainsAny(key.ClientID+key.KeyID, "\r\n \x00") {
			t.Fatalf("%q became %v", clientID, key)
		}
		secret := new(big.Int).SetBytes(mustBytes(t, key)).String()
		if shown := fmt.Sprintf("%v%+v%#v", key, *key, *key); len(secret) > 30 && strings.Contains(shown, secret) {
			t.Fatalf("%q shows as %q", data, shown)
		}
		if !key.same(key) {
			t.Fatal("a key is not like itself")
		}
	})
}

func mustBytes(t *testing.T, key *Key) []byte {
	t.Helper()
	d, err := key.private().Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// checkDecoding decodes data into a new T. What can be decoded must encode, and decode to the same.
func checkDecoding[T any, P flat[T]](t *testing.T, data []byte) {
	var first, second T
	if decode[T, P](data, &first) != nil {
		return
	}
	text, err := json.Marshal(&first)
	if err != nil {
		t.Fatalf("%q was decoded but cannot be encoded: %v", data, err)
	}
	if err := decode[T, P](text, &second); err != nil {
		t.Fatalf("%q became %q, which cannot be decoded: %v", data, text, err)
	}
	if diff := cmp.Diff(first, second, cmpopts.EquateEmpty(), cmp.Comparer(sameJSON)); diff != "" {
		t.Fatalf("%q became %q (-first +second):\n%s", data, text, diff)
	}
}

// sameJSON: encoding may write the same in another way.
func sameJSON(a, b jsontext.Value) bool {
	a, b = a.Clone(), b.Clone()
	return a.Canonicalize() == nil && b.Canonicalize() == nil && string(a) == string(b)
}

// checkAnswers reads data as a document with one resource and as a page of them. What they keep must
// encode.
func checkAnswers[T any, P flat[T]](t *testing.T, data []byte) {
	checkDecoding[T, P](t, data)
	one, err := decodeOne[T, P]("read", answerOf(200, data))
	checkAnswer(t, data, one, err)
	if one != nil {
		if _, err := json.Marshal(one); err != nil {
			t.Fatalf("%q holds a resource that cannot be encoded: %v", data, err)
		}
	}
	items, tail, err := resourcePage[T, P](data)
	if err != nil && items != nil {
		t.Fatalf("%q: both", data)
	}
	_, _ = tail.cursor()
	for _, item := range items {
		if _, err := json.Marshal(&item); err != nil {
			t.Fatalf("%q holds an item that cannot be encoded: %v", data, err)
		}
	}
}

func checkAnswer[T any](t *testing.T, data []byte, value *T, err error) {
	t.Helper()
	e, typed := errors.AsType[*Error](err)
	if (value == nil) != (err != nil) || err != nil && (!typed || !errors.Is(e, ErrUnexpectedAnswer)) {
		t.Fatalf("%q: %v, %v", data, value, err)
	}
}

func answerOf(status int, body []byte) *rest.Response {
	return &rest.Response{Status: status, Body: append([]byte(nil), body...), Header: http.Header{}}
}

func FuzzAnswer(f *testing.F) {
	seedJSON(f,
		`{"data":{"type":"orgDevices","id":"A1","attributes":{"serialNumber":"A1","imei":"1","meid":["2",3],"wifiMacAddress":["3"],"purchaseSourceUid":"x","color":7,"x":{"a":1,"a":2}}},"links":{"self":"s"}}`,
		`{"data":[{"type":"orgDevices","id":"A1","attributes":{"isMdmMigrationCapable":"yes","mdmMigrationStatus":null,"y":"\ud800"}}],"links":{"next":"https://a.test/x?cursor=%zz"},"meta":{"paging":{"total":1e99,"nextCursor":"c"}}}`,
		`{"data":[{"type":"mdmServers","id":"F1","attributes":{"deviceCount":null,"enableMdmDisownFlag":false,"defaultProductFamilies":[]}}],"links":{"next":"?cursor=a&cursor=b"}}`,
		`{"data":{"type":"activationLockStatus","id":"A1","attributes":{"isLocked":true,"lockType":"MDM"}}}`,
		`{"data":[{"type":"appleCareCoverage","id":null,"attributes":{"status":"ACTIVE","endDateTime":null,"isRenewable":0}}],"meta":null}`,
		`{"data":{"type":"orgDeviceActivities","id":"1","attributes":{"status":"COMPLETED","subStatus":["COMPLETED_WITH_ERROR"],"createdDateTime":7,"downloadUrl":"https://a.test/b?c"}}}`,
		`{"data":{"type":"mdmServers","id":null}}`, `{"data":null}`, `{"data":[{"type":"orgDevices","id":"A1"}]}`,
		`{"isLocked":true,"id":"A1","serialNumber":["A1"],"imei":["1","2"],"serverName":"x","status":"ACTIVE"}`,
	)
	f.Fuzz(func(t *testing.T, data []byte) {
		checkAnswers[Device](t, data)
		checkAnswers[Server](t, data)
		checkAnswers[AppleCareCoverage](t, data)
		checkAnswers[ActivationLock](t, data)
		checkAnswers[Activity](t, data)
		if ids, _, err := linkagePage(data); err != nil && ids != nil {
			t.Fatalf("%q: %q, %v", data, ids, err)
		}
		id, err := decodeLinkage("read", answerOf(200, data))
		checkAnswer(t, data, idOrNil(id, err), err)
		if err == nil && (id == "") != namesNone(data) {
			t.Fatalf("%q: %q", data, id)
		}
	})
}

func idOrNil(id string, err error) *string {
	if err != nil && id == "" {
		return nil
	}
	return &id
}

func FuzzRefusal(f *testing.F) {
	seedJSON(f,
		`{"errors":[{"id":"1","status":"409","code":"ENTITY_ERROR.ATTRIBUTE.INVALID","title":"t","detail":"d","source":{"pointer":"/data"},"links":{"about":"a","associated":{"href":"b"}},"meta":{"x":[1]}}]}`,
		`{"errors":[{"status":409,"code":["A"],"source":{"jsonPointer":{"pointer":"/x"},"parameter":{"parameter":"y","z":1}}},null,"x",{}]}`,
		`{"errors":{"code":"NOT_FOUND"}}`, `{"errors":[{"code":"FORBIDDEN_ERROR"},{"code":"NOT_FOUND."}]}`, `<html>`, ``,
	)
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, status := range []int{307, 400, 401, 404, 429, 500} {
			e := refusal("op", answerOf(status, data))
			if e.StatusCode != status || e.Error() == "" || strings.ContainsAny(e.Error(), "\r\n") && !strings.ContainsAny(fmt.Sprint(codes(e)), "\r\n") {
				t.Fatalf("%q with status %d: %+v", data, status, e)
			}
			if status == 401 && !errors.Is(e, ErrUnauthorized) || status == 429 && !errors.Is(e, ErrTooManyRequests) {
				t.Fatalf("%q with status %d: %v", data, status, e)
			}
			if _, err := json.Marshal(e.Items); err != nil {
				t.Fatalf("%q holds an item that cannot be encoded: %v", data, err)
			}
		}
	})
}

func codes(e *Error) (codes []string) {
	for _, item := range e.Items {
		codes = append(codes, item.Code)
	}
	return codes
}

func FuzzTokenAnswer(f *testing.F) {
	seedJSON(f,
		`{"access_token":"a.b","token_type":"Bearer","expires_in":3600,"scope":"business.api"}`, `{"access_token":"a b","expires_in":"3600"}`,
		`{"access_token":"a","expires_in":-1}`, `{"error":"invalid_client","error_description":"d","error_uri":"u"}`, `{"access_token":["a"]}`, `{"expires_in":1e300,"access_token":"x"}`,
	)
	key := &Key{ClientID: "SCHOOLAPI.1", KeyID: "2", private: smallKey}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, status := range []int{200, 400, 500} {
			c, err := New(key, &Options{Retry: Retry{Tries: 1}, HTTPClient: &http.Client{Transport: always{answerOf(status, data)}}})
			if err != nil {
				t.Fatal(err)
			}
			token, err := c.TokenSource().Token()
			if err == nil {
				if status != 200 || token.AccessToken == "" || strings.ContainsAny(token.AccessToken, "\r\n \x00") {
					t.Fatalf("%q with status %d: %q", data, status, token.AccessToken)
				}
				continue
			}
			e, ok := errors.AsType[*AuthError](err)
			if !ok || token != nil || e.StatusCode != status || e.Err == nil || status < 300 && e.Body != nil {
				t.Fatalf("%q with status %d: %v, %+v", data, status, token, err)
			}
		}
	})
}
