"""What is checked about the code, the template and everything others wrote: docs/supply-chain.md."""
