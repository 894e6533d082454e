package pairmsg

import "net/netip"

// Dropped asks the main whether it has heard clients whose updates the backup keeps dropping (decision H-f). The answer is Heard.
type Dropped struct{ Clients []netip.Addr }

// Heard are those of Dropped who were heard at the sender in the last minutes.
type Heard struct{ Clients []netip.Addr }

func (Dropped) message() {}
func (Heard) message()   {}
