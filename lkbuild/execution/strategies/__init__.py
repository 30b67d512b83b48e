"""Where commands run: implementations of `lkbuild.model.ports.Strategy`, and ways to compose them."""
