package axmtest

// readRoutes is what can only be read.
func readRoutes() map[string]route {
	out := make(map[string]route)
	get := func(ep endpoint) map[string]endpoint { return map[string]endpoint{"GET": ep} }
	both := func(kind string, needs Permission, list, one func(*call) *reply) {
		out[kind] = route{"resource '" + kind + "' (collection)", get(endpoint{run: list, needs: needs, shows: kind, list: true})}
		if one != nil {
			out[kind+"/{id}"] = route{"resource '" + kind + "'", get(endpoint{run: one, needs: needs, shows: kind})}
		}
	}
	members := func(kind string, run func(*call) *reply) {
		out[kind+"/{id}/relationships/users"] = route{"relationship 'users'", get(endpoint{run: run, needs: ReadPeople, list: true})}
	}
	allUsers := func(o *Org) *Collection[User] { return o.Users }
	allGroups := func(o *Org) *Collection[UserGroup] { return o.UserGroups }
	allUnits := func(o *Org) *Collection[OrgUnit] { return o.OrgUnits }
	allApps := func(o *Org) *Collection[App] { return o.Apps }
	allPackages := func(o *Org) *Collection[Package] { return o.Packages }
	allMDMDevices := func(o *Org) *Collection[MDMDevice] { return o.MDMDevices }

	both(users, ReadPeople, listOf(allUsers), oneOf(users, allUsers))
	both(userGroups, ReadPeople, listOf(allGroups), oneOf(userGroups, allGroups))
	members(userGroups, linksOf(userGroups, users, allGroups, func(g *UserGroup) []string { return g.Users }))
	both(organizationalUnits, ReadPeople, listOf(allUnits), oneOf(organizationalUnits, allUnits))
	members(organizationalUnits, linksOf(organizationalUnits, users, allUnits, func(u *OrgUnit) []string { return u.Users }))
	both(apps, ReadApps, listOf(allApps), oneOf(apps, allApps))
	both(packages, ReadApps, listOf(allPackages), oneOf(packages, allPackages))
	both(mdmDevices, ReadMDMDevices, listOf(allMDMDevices), nil)
	out["mdmDevices/{id}/details"] = route{
		"relationship 'details' (related)", get(endpoint{run: getDetails, needs: ReadMDMDevices, shows: mdmDeviceDetails}),
	}
	out[auditEvents] = route{"resource 'auditEvents' (collection)", get(endpoint{
		run: listAuditEvents, needs: ReadAuditEvents, shows: auditEvents, list: true,
		query: []string{"filter[startTimestamp]", "filter[endTimestamp]", "filter[actorId]", "filter[subjectId]", "filter[type]"},
	})}
	return out
}

func configurationRoutes() map[string]route {
	all := func(o *Org) *Collection[Configuration] { return o.Configurations }
	return map[string]route{
		"configurations": {"resource 'configurations' (collection)", map[string]endpoint{
			"GET":  {run: listOf(all), needs: ReadConfigurations, shows: configurations, list: true},
			"POST": {run: createConfiguration, needs: WriteConfigurations, body: true},
		}},
		"configurations/{id}": {"resource 'configurations'", map[string]endpoint{
			"GET":    {run: oneOf(configurations, all), needs: ReadConfigurations, shows: configurations},
			"PATCH":  {run: updateConfiguration, needs: WriteConfigurations, body: true},
			"DELETE": {run: deleteConfiguration, needs: WriteConfigurations},
		}},
	}
}

func blueprintRoutes() map[string]route {
	query := []string{"include"}
	for _, name := range relationNames() {
		query = append(query, "limit["+name+"]")
	}
	out := map[string]route{
		"blueprints": {"resource 'blueprints' (collection)", map[string]endpoint{
			"GET":  {run: listBlueprints, needs: ReadBlueprints, shows: blueprints, list: true, query: query},
			"POST": {run: createBlueprint, needs: WriteBlueprints, body: true},
		}},
		"blueprints/{id}": {"resource 'blueprints'", map[string]endpoint{
			"GET":    {run: getBlueprint, needs: ReadBlueprints, shows: blueprints, query: query},
			"PATCH":  {run: updateBlueprint, needs: WriteBlueprints, body: true},
			"DELETE": {run: deleteBlueprint, needs: WriteBlueprints},
		}},
	}
	all := func(o *Org) *Collection[Blueprint] { return o.Blueprints }
	for _, name := range relationNames() {
		ids := func(b *Blueprint) []string { return *b.related(name) }
		out["blueprints/{id}/relationships/"+name] = route{"relationship '" + name + "'", map[string]endpoint{
			"GET":    {run: linksOf(blueprints, name, all, ids), needs: ReadBlueprints, list: true},
			"POST":   {run: changeBlueprintLinks, needs: WriteBlueprints, body: true},
			"DELETE": {run: changeBlueprintLinks, needs: WriteBlueprints, body: true},
		}}
	}
	return out
}
