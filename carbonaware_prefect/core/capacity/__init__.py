"""Many runs under shared limits: spread so that all together emit least. Pure."""
