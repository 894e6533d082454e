package pair

// Reason is why something happened: a change of state, a refusal, an alarm.
type Reason uint16
