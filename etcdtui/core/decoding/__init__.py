"""Values as something to read: ``registry.Decoders`` finds the type by proof, ``result.Decoded`` is its answer."""
