package secret_test

import (
	"time"

	"larder/secret"
)

const (
	sm = secret.SecretsManager
	ps = secret.ParameterStore
)

// ref makes the Reference that a test wants, from what differs from the plain one.
func ref(service secret.Service, id string, parts ...func(*secret.Reference)) secret.Reference {
	r := secret.Reference{Service: service, ID: id}
	for _, part := range parts {
		part(&r)
	}
	return r
}

func field(name string) func(*secret.Reference) { return func(r *secret.Reference) { r.Field = name } }

func stage(name string) func(*secret.Reference) { return func(r *secret.Reference) { r.Stage = name } }

func version(v string) func(*secret.Reference) { return func(r *secret.Reference) { r.Version = v } }

func region(name string) func(*secret.Reference) {
	return func(r *secret.Reference) { r.Region = name }
}

func role(arn string) func(*secret.Reference) { return func(r *secret.Reference) { r.Role = arn } }

func optional() func(*secret.Reference) { return func(r *secret.Reference) { r.Optional = true } }

func ttl(d time.Duration) func(*secret.Reference) {
	return func(r *secret.Reference) { r.TTL, r.HasTTL = d, true }
}

// key makes the Key that a test wants; a parameter is decrypted.
func key(service secret.Service, region, id string, parts ...func(*secret.Key)) secret.Key {
	k := secret.Key{Service: service, Region: region, ID: id, Decrypt: service == ps}
	for _, part := range parts {
		part(&k)
	}
	return k
}

func atStage(name string) func(*secret.Key) { return func(k *secret.Key) { k.Stage = name } }

func atVersion(v string) func(*secret.Key) { return func(k *secret.Key) { k.Version = v } }

func withRole(arn string) func(*secret.Key) { return func(k *secret.Key) { k.Role = arn } }

func encrypted() func(*secret.Key) { return func(k *secret.Key) { k.Decrypt = false } }
