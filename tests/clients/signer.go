// Go's github.com/miekg/pkcs11: several goroutines sign while the primary loses its power.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"fmt"
	"log"
	"math/big"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/miekg/pkcs11"
)

const (
	threads    = 4
	signatures = 25
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func done(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	module := pkcs11.New(os.Getenv("MODULE"))
	if module == nil {
		log.Fatal("the module does not load")
	}
	done(module.Initialize())
	var slot uint
	for _, candidate := range must(module.GetSlotList(true)) {
		if strings.TrimSpace(must(module.GetTokenInfo(candidate)).Label) == os.Getenv("LABEL") {
			slot = candidate
		}
	}
	open := func() pkcs11.SessionHandle {
		return must(module.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION))
	}
	session := open()
	done(module.Login(session, pkcs11.CKU_USER, os.Getenv("PIN")))
	public, private, err := module.GenerateKeyPair(session,
		[]*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil)},
		[]*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
			pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true),
			pkcs11.NewAttribute(pkcs11.CKA_LABEL, "go"),
			pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS,
				[]byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}),
		},
		[]*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
			pkcs11.NewAttribute(pkcs11.CKA_SIGN, true),
			pkcs11.NewAttribute(pkcs11.CKA_LABEL, "go"),
		})
	done(err)
	point := must(module.GetAttributeValue(session, public,
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_POINT, nil)}))[0].Value
	// The point stands in an OCTET STRING.
	x, y := elliptic.Unmarshal(elliptic.P256(), point[2:])
	key := &ecdsa.PublicKey{Curve: elliptic.P256(), X: x, Y: y}

	struck := make(chan struct{})
	var group, half sync.WaitGroup
	group.Add(threads)
	half.Add(threads)
	for thread := 0; thread < threads; thread++ {
		go func(thread int) {
			defer group.Done()
			session := open()
			for number := 0; number < signatures; number++ {
				if number == signatures/2 {
					half.Done()
					<-struck
				}
				hash := sha256.Sum256([]byte(fmt.Sprint(thread, number)))
				done(module.SignInit(session,
					[]*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil)}, private))
				signature := must(module.Sign(session, hash[:]))
				r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
				if !ecdsa.Verify(key, hash[:], r, s) {
					log.Fatal("a signature is wrong")
				}
			}
			done(module.CloseSession(session))
		}(thread)
	}
	half.Wait()
	done(exec.Command("hsmsim", "fault", "add", "device.power_loss", "hsm-eus-1").Run())
	close(struck)
	group.Wait()
	done(module.Logout(session))
	done(module.Finalize())
	fmt.Println("signed and verified", threads*signatures)
}
