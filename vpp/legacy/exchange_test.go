package legacy_test

import "encoding/base64"

const insideToken = `{"token":"QUJDREVGZ2hpams=","expDate":"2099-03-04T09:10:11+0000","orgName":"Example School District"}`

// stoken is a token file as Apple hands it out.
var stoken = base64.StdEncoding.EncodeToString([]byte(insideToken))
