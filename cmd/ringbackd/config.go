package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	acquirer "example.com/ringback/switch"
	"example.com/ringback/terminal"
	"github.com/go-playground/validator/v10"
	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

// Config is the whole configuration: defaults, then the YAML file, then the environment. A key that is not here is
// refused. Secrets are named by file, never written here.
type Config struct {
	Production bool             `koanf:"production"` // true: refuses test keys and the demo world
	Demo       bool             `koanf:"demo"`       // true: the demo world's terminals and payees are entered at start
	Terminal   TerminalConfig   `koanf:"terminal"`
	HTTP       HTTPConfig       `koanf:"http"`
	Admin      AdminConfig      `koanf:"admin"`
	Host       HostConfig       `koanf:"host"`
	Store      StoreConfig      `koanf:"store"`
	Keys       KeysConfig       `koanf:"keys"`
	Issuers    IssuersConfig    `koanf:"issuers"`
	Limits     LimitsConfig     `koanf:"limits"`
	Settlement SettlementConfig `koanf:"settlement"`
	Log        LogConfig        `koanf:"log"`
	Debug      DebugConfig      `koanf:"debug"`

	Enrolment EnrolmentConfig `koanf:"enrolment"`
	Notices   NoticesConfig   `koanf:"notices"`
	Channels  ChannelsConfig  `koanf:"channels"`
	Web       WebConfig       `koanf:"web"`
	Retention RetentionConfig `koanf:"retention"`
	Clearing  ClearingConfig  `koanf:"clearing"`
}

// TerminalConfig is the terminals' side. Figures that are 0 are those of [terminal.Limits].
type TerminalConfig struct {
	Addr              string        `koanf:"addr" validate:"omitempty,listen"` // plain; empty: TLS only
	TLS               TLSConfig     `koanf:"tls"`
	MaxConnections    int           `koanf:"max_connections" validate:"gte=0"`
	MaxPerAddress     int           `koanf:"max_per_address" validate:"gte=0"`
	AcceptsPerSecond  int           `koanf:"accepts_per_second" validate:"gte=0,lte=1000000"` // of one address
	RatePerTerminal   int           `koanf:"rate_per_terminal" validate:"gte=0,lte=1000000"`  // messages in a second
	RatePerConnection int           `koanf:"rate_per_connection" validate:"gte=0,lte=1000000"`
	RateOfStrangers   int           `koanf:"rate_of_strangers" validate:"gte=0,lte=1000000"` // on one connection
	IdleTimeout       time.Duration `koanf:"idle_timeout" validate:"gte=0"`
}

// limits are what the configuration says of the terminals' server.
func (t TerminalConfig) limits() terminal.Limits {
	return terminal.Limits{MaxConnections: t.MaxConnections, PerAddress: t.MaxPerAddress, AcceptsPerSecond: t.AcceptsPerSecond,
		TerminalRate: t.RatePerTerminal, ConnectionRate: t.RatePerConnection, StrangerRate: t.RateOfStrangers,
		IdleTimeout: t.IdleTimeout}
}

// TLSConfig is the terminals' listener over TLS; off while Addr is empty.
type TLSConfig struct {
	Addr     string `koanf:"addr" validate:"omitempty,listen"`
	CertFile string `koanf:"cert_file" validate:"required_with=Addr"`
	KeyFile  string `koanf:"key_file" validate:"required_with=Addr"`
}

// HostConfig is the UnionPay side.
type HostConfig struct {
	Addrs        []string      `koanf:"addrs" validate:"required,min=1,dive,hostname_port"` // a link each
	Institution  string        `koanf:"institution" validate:"len=8,numeric"`               // F32, F33, header source
	Centre       string        `koanf:"centre" validate:"len=8,numeric"`                    // header destination
	MerchantType string        `koanf:"merchant_type" validate:"len=4,numeric"`             // F18
	MerchantName string        `koanf:"merchant_name" validate:"required"`                  // F43
	ZMKFile      string        `koanf:"zmk_file" validate:"required"`                       // 32 hex digits
	Timeout      time.Duration `koanf:"timeout" validate:"gt=0,lte=55s"`                    // under the terminal's 60 s
}

// StoreConfig says where the journal is.
type StoreConfig struct {
	Path string `koanf:"path" validate:"required"`
}

// KeysConfig says where the local master key is: 64 hex digits, mode 0600.
type KeysConfig struct {
	MasterFile string `koanf:"master_file" validate:"required"`
}

// IssuersConfig is the table of banks.
type IssuersConfig struct {
	File         string   `koanf:"file"`                                       // empty: the built-in table
	Uncontracted []string `koanf:"uncontracted" validate:"dive,len=8,numeric"` // institutions without a contract
}

// LimitsConfig are the figures of PROTOCOL 1.2 that an operator may set, and what stands against harvesters beside them.
type LimitsConfig struct {
	MaxAmountFen  int64         `koanf:"max_amount_fen" validate:"gt=0,lte=999999999999"`
	TokenLife     time.Duration `koanf:"token_life" validate:"gt=0,lte=10m"`
	InFlight      int           `koanf:"in_flight" validate:"gt=0"`
	LookupBucket  int           `koanf:"lookup_bucket" validate:"gt=0"`
	LookupPerHour int           `koanf:"lookup_per_hour" validate:"gt=0"`
	LookupHit     int           `koanf:"lookup_hit" validate:"gt=0"`
	LookupMiss    int           `koanf:"lookup_miss" validate:"gt=0"`
	LookupSuspend bool          `koanf:"lookup_suspend"`                // block a terminal whose look-ups miss too often
	PayerBucket   int           `koanf:"payer_bucket" validate:"gte=0"` // 0: no budget of a payer's number
	PayerPerHour  int           `koanf:"payer_per_hour" validate:"gt=0"`
	PayerHit      int           `koanf:"payer_hit" validate:"gt=0"`
	PayerMiss     int           `koanf:"payer_miss" validate:"gt=0"`
}

// SettlementConfig says what must be known of a payment before its payee is paid.
type SettlementConfig struct {
	// Witness is the weakest word of a terminal that counts for its payments: its batch, a later signed message of it, or
	// 24 hours without one.
	Witness string `koanf:"witness" validate:"oneof=batch message hold"`
}

// LogConfig is the log on standard error.
type LogConfig struct {
	Level string `koanf:"level" validate:"oneof=debug info warn error"`
}

// DebugConfig is for the search for a fault, never for production.
type DebugConfig struct {
	CoreFiles bool `koanf:"core_files"` // true: the kernel may write core files, and a debugger may attach
}

// defaultConfig is what holds where neither file nor environment says otherwise.
func defaultConfig() Config {
	l := acquirer.Limits{}.WithDefaults()
	return Config{
		Terminal: TerminalConfig{Addr: "127.0.0.1:8583"},
		HTTP:     HTTPConfig{Addr: "127.0.0.1:8080"},
		Host: HostConfig{Addrs: []string{"127.0.0.1:8600"}, Institution: "48020000", Centre: "00010000",
			MerchantType: "6012", MerchantName: "RINGBACK PHONE PAYMENT", Timeout: l.HostTimeout},
		Log: LogConfig{Level: "info"}, Settlement: SettlementConfig{Witness: string(l.Witness)},
		Enrolment: defaultEnrolment(), Notices: defaultNotices(), Retention: defaultRetention(),
		Channels: ChannelsConfig{SMS: defaultSMS(), Voice: defaultVoice(), Letter: defaultLetter()},
		Limits: LimitsConfig{MaxAmountFen: int64(l.MaxAmount), TokenLife: l.TokenLife, InFlight: l.InFlight,
			LookupBucket: l.Budget.Capacity, LookupPerHour: l.Budget.RefillPerHour,
			LookupHit: l.Budget.Hit, LookupMiss: l.Budget.Miss, LookupSuspend: true,
			PayerBucket: l.Budget.Capacity, PayerPerHour: l.Budget.RefillPerHour,
			PayerHit: l.Budget.Hit, PayerMiss: l.Budget.Miss},
	}
}

// envKeys are the environment variables of PROTOCOL 3 that move a listener or an address. Any other key is set by
// RINGBACK_ + its path with "__" between the parts: RINGBACK_LIMITS__LOOKUP_MISS=4.
var envKeys = map[string]string{
	"RINGBACK_TERMINAL_ADDR": "terminal.addr",
	"RINGBACK_HTTP_ADDR":     "http.addr",
	"RINGBACK_HOST_ADDR":     "host.addrs",
}

// notConfig are variables of the same prefix that belong to other programs, to tests, or say where the file is.
var notConfig = map[string]bool{"RINGBACK_DIR": true, "RINGBACK_HOST_HTTP_ADDR": true, "RINGBACK_NODE_MODULES": true,
	"RINGBACK_SCREENSHOTS": true}

// loadConfig reads and checks a configuration; relative paths in it count from the file's folder.
func loadConfig(path string) (Config, error) {
	if err := refuseAdminVariables(); err != nil {
		return Config{}, err
	}
	k, err := loadFile(path)
	if err != nil {
		return Config{}, err
	}
	if err := k.Load(env.Provider(".", env.Opt{Prefix: "RINGBACK_", TransformFunc: envKey}), nil); err != nil {
		return Config{}, fmt.Errorf("reading the environment: %w", err)
	}
	c := defaultConfig()
	err = k.UnmarshalWithConf("", &c, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		Result: &c, TagName: "koanf", ErrorUnused: true, WeaklyTypedInput: true,
		DecodeHook: mapstructure.ComposeDecodeHookFunc(mapstructure.StringToTimeDurationHookFunc(),
			mapstructure.StringToSliceHookFunc(",")),
	}})
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	c.resolve(filepath.Dir(path))
	if err := validate(c); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// loadFile reads a YAML file. That a file holds no configuration at all is said without a word of it: it may be a key.
func loadFile(path string) (*koanf.Koanf, error) {
	k := koanf.New(".")
	err := k.Load(file.Provider(path), yaml.Parser())
	if err != nil && strings.Contains(err.Error(), "cannot unmarshal") {
		err = errors.New("is no configuration")
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return k, nil
}

// envKey turns a variable's name into the path of a key; an empty name drops the variable.
func envKey(name, value string) (string, any) {
	if key, ok := envKeys[name]; ok {
		return key, value
	}
	if notConfig[name] {
		return "", nil
	}
	path := strings.ToLower(strings.TrimPrefix(name, "RINGBACK_"))
	return strings.ReplaceAll(path, "__", "."), value
}

// resolve makes the paths of the configuration independent of the working folder.
func (c *Config) resolve(dir string) {
	own := []*string{&c.Terminal.TLS.CertFile, &c.Terminal.TLS.KeyFile, &c.Host.ZMKFile, &c.Store.Path, &c.Keys.MasterFile, &c.Issuers.File,
		&c.HTTP.TLS.CertFile, &c.HTTP.TLS.KeyFile, &c.HTTP.TLS.ClientCAFile, &c.Notices.Templates,
		&c.Web.CertFile, &c.Web.KeyFile, &c.Clearing.Dir}
	for _, p := range append(own, c.Channels.paths()...) {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}

// validate names every value that is missing or wrong, one a line.
func validate(c Config) error {
	v := validator.New(validator.WithRequiredStructEnabled())
	if err := v.RegisterValidation("listen", listenable); err != nil {
		return err
	}
	err := v.Struct(c)
	var bad validator.ValidationErrors
	var out []error
	if errors.As(err, &bad) {
		for _, f := range bad {
			out = append(out, fmt.Errorf("%s: %s %s", keyOf(f.StructNamespace()), f.Tag(), f.Param()))
		}
	} else if err != nil {
		return err
	}
	if c.Production && c.Demo {
		out = append(out, errors.New("demo: refused while production is true"))
	}
	if c.Production && c.Debug.CoreFiles {
		out = append(out, errors.New("debug.core_files: refused while production is true"))
	}
	if c.Terminal.Addr == "" && c.Terminal.TLS.Addr == "" {
		out = append(out, errors.New("terminal.addr: empty, and so is terminal.tls.addr: no terminal could connect"))
	}
	if c.Limits.LookupHit > c.Limits.LookupBucket {
		out = append(out, errors.New("limits.lookup_hit: more than limits.lookup_bucket, so that no look-up could ever be made"))
	}
	if c.Limits.PayerBucket > 0 && c.Limits.PayerHit > c.Limits.PayerBucket {
		out = append(out, errors.New("limits.payer_hit: more than limits.payer_bucket, so that no look-up could ever be made"))
	}
	return errors.Join(slices.Concat(out, c.Admin.problems(), c.HTTP.problems(c.Admin), c.peopleProblems(), c.Web.problems(c.Production))...)
}

// listenable accepts an address that can be listened on: port 0 (any that is free) and no host (all interfaces) too.
func listenable(f validator.FieldLevel) bool {
	_, port, err := net.SplitHostPort(f.Field().String())
	_, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil
}

// keyOf turns the path of a Go field into the path of a key, near enough for a person: Host.ZMKFile is host.zmkfile.
func keyOf(namespace string) string {
	_, path, _ := strings.Cut(namespace, ".")
	return strings.ToLower(path)
}

// demoZMK is the zone master key of the demo world: a test key that was published with captures of the host dialect
// (host dialect page, section 4.3).
const demoZMK = "1023457689BADCEF0132546798ABCDFE"

// loadZMK reads the zone master key from its file. It refuses the demo world's in production.
func loadZMK(c Config) (acquirer.Key, error) {
	b, err := os.ReadFile(c.Host.ZMKFile)
	if err != nil {
		return acquirer.Key{}, fmt.Errorf("zone master key: %w", err)
	}
	key := make([]byte, 16)
	text := bytes.TrimSpace(b)
	if n, err := hex.Decode(key, text[:min(len(text), 32)]); err != nil || n != 16 || len(text) != 32 {
		return acquirer.Key{}, fmt.Errorf("zone master key: %s does not hold 32 hex digits", c.Host.ZMKFile)
	}
	if c.Production && strings.EqualFold(string(text), demoZMK) {
		return acquirer.Key{}, fmt.Errorf("zone master key: %s holds a public test key, refused while production is true", c.Host.ZMKFile)
	}
	return acquirer.NewKey(key), nil
}
