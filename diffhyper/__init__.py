__version__ = "0.1.0"

import warnings as _warnings

# compressai imports torch_geometric, which still uses what PyTorch deprecates; this one message says nothing to users of either
_warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)
