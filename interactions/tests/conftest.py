from customers.tests.cast import emily, furnace_visit, jane, john

__all__ = ["emily", "furnace_visit", "jane", "john"]
