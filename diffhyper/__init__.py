__version__ = "0.1.0"

import warnings

# compressai imports torch_geometric, which calls what torch deprecates: nothing that a user could act on
warnings.filterwarnings("ignore", r"`torch\.jit\.script` is deprecated", FutureWarning)
