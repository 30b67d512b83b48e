package modules

import (
	"reflect"
	"strings"
	"testing"
)

func TestDepsAreKeyedByTheModulesNameAndStartWithItself(t *testing.T) {
	deps := ParseDeps(strings.NewReader("kernel/net/9p/9pnet-virtio.ko: kernel/net/9p/9pnet.ko kernel/fs/netfs/netfs.ko\nkernel/a.ko:\n"))
	want := Deps{
		"9pnet_virtio": {"kernel/net/9p/9pnet-virtio.ko", "kernel/net/9p/9pnet.ko", "kernel/fs/netfs/netfs.ko"},
		"a":            {"kernel/a.ko"},
	}
	if !reflect.DeepEqual(deps, want) {
		t.Errorf("got %v, want %v", deps, want)
	}
}

func TestSoftdepsAreWhatComesBeforeAndAfterAModule(t *testing.T) {
	got := ParseSoftdeps(strings.NewReader("# comment\nsoftdep btrfs pre: crc32c blake2b-256 post: x\nsoftdep y post: z\nsoftdep btrfs pre: xor\n"))
	want := map[string]Soft{"btrfs": {[]string{"crc32c", "blake2b-256", "xor"}, []string{"x"}}, "y": {nil, []string{"z"}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

const aliases = `# Aliases extracted from modules themselves.
alias pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci
alias virtio:d00000003v* virtio_console
alias virtio:d00000001v* virtio_net
alias virtio:d00000003v* virtio_console
alias fs-ext4 ext4
alias crypto-aes aesni_intel
alias crypto-aes aes_generic
`

func TestADevicesAliasFindsItsModuleOnce(t *testing.T) {
	got := Match(strings.NewReader(aliases), []string{"virtio:d00000003v00001AF4", "virtio:d00000009v1"})
	if want := []string{"virtio_console"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestANameWithoutBusFindsAllItsModules(t *testing.T) {
	for name, want := range map[string][]string{"fs-ext4": {"ext4"}, "crypto-aes": {"aesni_intel", "aes_generic"}, "fs-nope": nil} {
		if got := Match(strings.NewReader(aliases), []string{name}); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestGlobMatchesAsFnmatchDoes(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"pci:v00001AF4d*sv*sd*bc*sc*i*", "pci:v00001AF4d00001043sv00001AF4sd00001100bc07sc80i00", true},
		{"pci:v00001AF4d*sv*sd*bc*sc*i*", "pci:v00008086d00001043sv00001AF4sd00001100bc07sc80i00", false},
		{"usb:v*p*d*dc0[0-8]*", "usb:v1d6bp0002d0612dc09", false},
		{"usb:v*p*d*dc0[0-9]*", "usb:v1d6bp0002d0612dc09", true},
		{"a[!b]c", "axc", true},
		{"a[!b]c", "abc", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"*", "", true},
		{"of:N*T*Cvirtio,mmio*", "of:Nvirtio_mmioT(null)Cvirtio,mmio", true},
		{"a*/b", "a/x/b", true},
		{"a[", "a[", false},
	} {
		if got := Glob(c.pattern, c.name); got != c.want {
			t.Errorf("Glob(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}

func TestAPowerButtonMatchesThoughThePatternsBusEndsInAStar(t *testing.T) {
	// scripts/mod/file2alias.c, do_acpi_entry: the bus of its patterns is "acpi*".
	aliases := "alias acpi*:LNXPWRBN:* button\nalias acpi*:PNP0C0C:* button\nalias acpi*:PNP0C0D:* lid\n"
	got := Match(strings.NewReader(aliases), []string{"acpi:LNXPWRBN:"})
	if want := []string{"button"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
