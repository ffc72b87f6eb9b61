package main

import (
	"time"

	"larder/cache"
	"larder/manifest"
	"larder/secret"
	"larder/source"
)

// callCount is how many calls one execution environment makes to AWS, if all goes
// well.
type callCount struct {
	// ColdStart are the calls of a cold start.
	ColdStart int `json:"coldStart"`
	// Actions are these by IAM action.
	Actions map[string]int `json:"actions"`
	// Refreshes are the calls within each TTL while all is read.
	Refreshes []refreshCount `json:"refreshes"`
	// RolesPerHour are the calls of sts:AssumeRole that renew roles.
	RolesPerHour int `json:"rolesPerHour"`
}

// refreshCount is how many calls refresh what has one TTL. With a TTL of 0 each
// read makes a call.
type refreshCount struct {
	TTLSeconds float64 `json:"ttlSeconds"`
	Calls      int     `json:"calls"`
}

// countCalls counts what the extension's own way to batch would ask for.
func countCalls(s settings, keys []secret.Key, a *answers) callCount {
	c := callCount{Actions: make(map[string]int), Refreshes: []refreshCount{}}
	for _, call := range source.Plan(keys) {
		c.Actions[call.Action] += requests(call, a)
	}
	if c.RolesPerHour = len(roles(s.declarations)); c.RolesPerHour > 0 { // AWS lets a role last for an hour here
		c.Actions[secret.AssumeRole] = c.RolesPerHour
	}
	for _, n := range c.Actions {
		c.ColdStart += n
	}
	declared := manifest.Keys(s.declarations)
	byTTL := make(map[time.Duration][]secret.Key)
	var ttls []time.Duration // in the order of the declarations
	for _, k := range keys {
		ttl := s.ttlOf(k, declared)
		if byTTL[ttl] == nil {
			ttls = append(ttls, ttl)
		}
		byTTL[ttl] = append(byTTL[ttl], k)
	}
	for _, ttl := range ttls {
		r := refreshCount{TTLSeconds: ttl.Seconds()}
		for _, call := range source.Plan(byTTL[ttl]) {
			r.Calls += requests(call, a)
		}
		c.Refreshes = append(c.Refreshes, r)
	}
	return c
}

// ttlOf returns how long a declared key is fresh; 0 if nothing is kept.
func (s *settings) ttlOf(k secret.Key, declared map[secret.Key]cache.Declaration) time.Duration {
	switch d := declared[k]; {
	case s.entries == 0:
		return 0
	case d.HasTTL:
		return d.TTL
	}
	return s.ttl[k.Service]
}

// requests returns how many requests a planned call takes: of a tree one for each page,
// as many as there were, and one if it has not been read.
func requests(call source.Planned, a *answers) int {
	if r := a.records[call.Keys[0]]; r != nil && call.Action == secret.GetParametersByPath {
		return r.Pages
	}
	return 1
}
