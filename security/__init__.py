"""What is checked about our code, the template and what others wrote: docs/supply-chain.md."""
