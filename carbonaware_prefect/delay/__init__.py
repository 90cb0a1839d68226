"""The delay task and the decorator: wait for the slot, here or without a process."""
