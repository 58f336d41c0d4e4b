package vpptest

import "net/http"

const (
	legacyAssociate    = "maxBatchAssociateLicenseCount"
	legacyDisassociate = "maxBatchDisassociateLicenseCount"
	usedIn2            = "token being used in v2"
	catalogBase        = "/v1/"
)

type (
	catalog           struct{}
	legacyState       struct{ limits map[string]int }
	batchState        struct{}
	assignmentRequest struct{}
)

func (*catalog) init()            {}
func (st *legacyState) init()     { st.limits = map[string]int{} }
func (*batchState) init()         {}
func legacyTexts() map[int]string { return nil }

func (s *Server) answer1(c *call) *reply       { return &reply{status: http.StatusNotFound} }
func (s *Server) answerCatalog(c *call) *reply { return &reply{status: http.StatusNotFound} }
