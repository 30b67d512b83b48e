package provider

import (
	"context"
	"net/http"
	"strings"

	"lkbuild/metadata/internal/machine"
	"lkbuild/metadata/internal/source"
)

// AWS asks the instance metadata service of EC2, version 2: a session's token
// first (docs.aws.amazon.com/AWSEC2, "Use IMDS").
type AWS struct{ Base string }

// Facts, by LinuxKit's name of the file.
var awsFacts = []struct{ file, path string }{
	{"availability_zone", "placement/availability-zone"},
	{"instance_id", "instance-id"},
	{"instance_type", "instance-type"},
	{"local_hostname", "local-hostname"},
	{"local_ipv4", "local-ipv4"},
	{"public_ipv4", "public-ipv4"},
}

// Name implements machine.Provider.
func (AWS) Name() string { return "aws" }

// Fetch implements machine.Provider.
func (p AWS) Fetch(ctx context.Context) (*machine.Data, error) {
	w := source.Web{Base: p.Base}
	token, _, err := w.Ask(ctx, http.MethodPut, "latest/api/token", map[string]string{"X-aws-ec2-metadata-token-ttl-seconds": "300"}, nil)
	if err != nil {
		return nil, err
	}
	w.Headers = map[string]string{"X-aws-ec2-metadata-token": string(token)}
	q := query{ctx: ctx, from: w}
	data := &machine.Data{Hostname: q.text("latest/meta-data/hostname")}
	for _, f := range awsFacts {
		data.Fact(f.file, q.text("latest/meta-data/"+f.path))
	}
	// A line per key: its number, "=", its name.
	for _, line := range strings.Fields(q.text("latest/meta-data/public-keys/")) {
		number, _, _ := strings.Cut(line, "=")
		data.Key(q.text("latest/meta-data/public-keys/" + number + "/openssh-key"))
	}
	data.Userdata = q.bytes("latest/user-data")
	return data, q.err
}
