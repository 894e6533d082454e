// Package measure is what the benchmarks of servers share: processes and what they used, this machine, and tables that print ratios.
package measure
