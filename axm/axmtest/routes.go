package axmtest

import (
	"net/http"
	"slices"
	"strings"
)

// endpoint is one method of one path of an API. run is called under Server.mu.
type endpoint struct {
	run    func(c *call) *reply
	needs  Permission
	school bool     // is also part of the School API
	body   bool     // has a JSON body
	list   bool     // is paged
	shows  string   // the kind whose fields can be chosen
	query  []string // further parameters
}

// route is a path.
type route struct {
	what    string // how errors call it
	methods map[string]endpoint
}

// refusal says that a path does not allow a method, in the words of the service.
func (rt route) refusal(method string) string {
	allowed := make([]string, 0, len(rt.methods))
	for m := range rt.methods {
		allowed = append(allowed, rt.operation(m))
	}
	slices.Sort(allowed)
	text := strings.Join(allowed, ", ")
	or(&text, "none")
	return "The " + rt.what + " does not allow '" + rt.operation(method) + "'. Allowed operations: " + text + "."
}

// operation is the name of a method.
func (rt route) operation(method string) string {
	isRelationship := strings.HasPrefix(rt.what, "relationship")
	switch {
	case method == http.MethodGet && strings.HasSuffix(rt.what, "(related)"):
		return "GET_RELATED"
	case method == http.MethodGet && isRelationship:
		return "GET_RELATIONSHIP"
	case method == http.MethodGet && strings.HasSuffix(rt.what, "(collection)"):
		return "GET_COLLECTION"
	case method == http.MethodGet:
		return "GET_INSTANCE"
	case method == http.MethodPost:
		return "CREATE"
	case method == http.MethodPatch && isRelationship:
		return "REPLACE"
	case method == http.MethodPatch:
		return "UPDATE"
	}
	return method
}

// routes is all paths below /v1/.
func routes() map[string]route {
	all := make(map[string]route)
	for _, some := range []map[string]route{
		deviceRoutes(), serverRoutes(), activityRoutes(), readRoutes(), configurationRoutes(), blueprintRoutes(),
	} {
		for path, rt := range some {
			all[path] = rt
		}
	}
	return all
}

func deviceRoutes() map[string]route {
	get := func(run func(*call) *reply, shows string, list bool) map[string]endpoint {
		return map[string]endpoint{"GET": {run: run, needs: ReadDevices, school: true, shows: shows, list: list}}
	}
	return map[string]route{
		"orgDevices":                                   {"resource 'orgDevices' (collection)", get(listDevices, orgDevices, true)},
		"orgDevices/{id}":                              {"resource 'orgDevices'", get(getDevice, orgDevices, false)},
		"orgDevices/{id}/appleCareCoverage":            {"relationship 'appleCareCoverage' (related)", get(listCoverage, appleCareCoverage, true)},
		"orgDevices/{id}/activationLockStatus":         {"relationship 'activationLockStatus' (related)", get(getActivationLock, activationLockStatus, false)},
		"orgDevices/{id}/assignedServer":               {"relationship 'assignedServer' (related)", get(assignedServer, mdmServers, false)},
		"orgDevices/{id}/relationships/assignedServer": {"relationship 'assignedServer'", get(assignedLink, "", false)},
	}
}

func serverRoutes() map[string]route {
	return map[string]route{
		"mdmServers": {"resource 'mdmServers' (collection)", map[string]endpoint{
			"GET":  {run: listServers, needs: ReadDevices, school: true, shows: mdmServers, list: true},
			"POST": {run: createServer, needs: ManageServers, body: true},
		}},
		"mdmServers/{id}": {"resource 'mdmServers'", map[string]endpoint{
			"GET":    {run: getServer, needs: ReadDevices, school: true, shows: mdmServers},
			"PATCH":  {run: updateServer, needs: ManageServers, body: true},
			"DELETE": {run: deleteServer, needs: ManageServers},
		}},
		"mdmServers/{id}/relationships/devices": {"relationship 'devices'", map[string]endpoint{
			"GET": {run: listServerDevices, needs: ReadDevices, school: true, list: true},
		}},
		// Responses print this address, but the service does not answer there.
		"mdmServers/{id}/devices": {"relationship 'devices' (related)", nil},
	}
}

func activityRoutes() map[string]route {
	return map[string]route{
		"orgDeviceActivities": {"resource 'orgDeviceActivities' (collection)", map[string]endpoint{
			"POST": {run: createActivity, needs: AssignDevices, school: true, body: true},
		}},
		"orgDeviceActivities/{id}": {"resource 'orgDeviceActivities'", map[string]endpoint{
			"GET": {run: getActivity, needs: AssignDevices, school: true, shows: orgDeviceActivities},
		}},
	}
}
