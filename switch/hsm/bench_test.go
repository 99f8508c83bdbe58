package hsm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	acquirer "example.com/ringback/switch"
)

func BenchmarkMAC(b *testing.B) {
	m := newModule(b)
	data := make([]byte, 300)
	single := wrapHex(b, m, acquirer.UsageMAK, demoMAK)
	double := wrapHex(b, m, acquirer.UsageMAK, demoTMK)
	run := func(name string, mak acquirer.KeyBlock, alg acquirer.MACAlgorithm) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.MAC(mak, alg, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("ECB-single", single, acquirer.MACECB)
	run("ECB-double", double, acquirer.MACECB)
	run("X9.9", single, acquirer.MACX919)
	run("X9.19", double, acquirer.MACX919)
	long := wrapAs(b, m, acquirer.UsageMAK, acquirer.CipherSM4, demoTMK)
	run("ECB-SM4", long, acquirer.MACECB)
	run("CBC-SM4", long, acquirer.MACX919)
}

func BenchmarkTranslatePIN(b *testing.B) {
	m := newModule(b)
	pik, zpk := wrapHex(b, m, acquirer.UsagePIK, demoPIK), wrapHex(b, m, acquirer.UsageZPK, demoZPK)
	card, pin := pan(b, "9001100000000027"), sealed(b, "06122556FFFFFFFD")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := m.TranslatePIN(pin, pik, zpk, card); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkTranslatePINFromSM4(b *testing.B) {
	m := newModule(b)
	pik, zpk := wrapAs(b, m, acquirer.UsagePIK, acquirer.CipherSM4, demoPIK), wrapHex(b, m, acquirer.UsageZPK, demoZPK)
	card, pin := pan(b, "6230606601007726888"), sealedLong(b, "06123654FFFFFFFFFFFF99FEFF88D977")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.TranslatePIN(pin, pik, zpk, card); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkColdBlock is a block's first use: opening it and making its schedule.
func BenchmarkColdBlock(b *testing.B) {
	m := newModule(b)
	block := wrapHex(b, m, acquirer.UsagePIK, demoPIK)
	b.ReportAllocs()
	for b.Loop() {
		key, cipher, err := m.unwrap(block)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := newSchedule(cipher, key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkConfirmation(b *testing.B) {
	m := newModule(b)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	sealed, err := m.SealConfirmation(at, tokenNonce, make([]byte, 32), make([]byte, 40))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.OpenConfirmation(at.Add(time.Hour), tokenNonce, sealed, make([]byte, 40)); err != nil {
			b.Fatal(err)
		}
	}
}
