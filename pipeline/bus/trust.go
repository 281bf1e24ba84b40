package bus

import (
	"errors"
	"fmt"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/weir-project/weir/pipeline/bus/internal/layout"
)

// Trust makes the embedded server take JWT credentials (package creds) instead of
// a token. The fields are public JWTs: whose signatures count, the account that
// holds the streams, and the system account, which nobody uses.
type Trust struct{ Operator, Account, System string }

// apply sets the options of the server.
func (t *Trust) apply(o *server.Options) error {
	operator, err := jwt.DecodeOperatorClaims(t.Operator)
	if err != nil {
		return fmt.Errorf("trusted operator: %w", err)
	}
	account, err := jwt.DecodeAccountClaims(t.Account)
	if err != nil {
		return fmt.Errorf("trusted account: %w", err)
	}
	system, err := jwt.DecodeAccountClaims(t.System)
	if err != nil {
		return fmt.Errorf("trusted system account: %w", err)
	}
	for _, a := range []*jwt.AccountClaims{account, system} {
		if !operator.DidSign(a) {
			return fmt.Errorf("trusted account %s: not signed by operator %s", a.Subject, operator.Subject)
		}
	}
	if account.Subject == system.Subject {
		return errors.New("trusted account and system account must differ")
	}
	resolver := new(server.MemAccResolver)
	err = errors.Join(resolver.Store(account.Subject, t.Account), resolver.Store(system.Subject, t.System))
	if err != nil {
		return fmt.Errorf("trusted accounts: %w", err)
	}
	o.TrustedOperators = []*jwt.OperatorClaims{operator}
	o.SystemAccount = system.Subject
	o.AccountResolver = resolver
	o.MaxControlLine = layout.MaxCredentials
	o.AuthTimeout = authTimeout.Seconds()
	return nil
}
