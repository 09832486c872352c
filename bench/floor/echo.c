// The other end of a frame socket (docs/internals/protocol.md) in as few instructions as there can be: every frame that
// comes on descriptor 3 goes back as a completion.
#include <unistd.h>

enum { kFrame = 64, kKindAt = 4, kCompletion = 2 };

int main(void) {
  char frame[kFrame];
  for (;;) {
    size_t have = 0;
    while (have < kFrame) {
      const ssize_t got = read(3, frame + have, kFrame - have);
      if (got <= 0) return 0;
      have += (size_t)got;
    }
    frame[kKindAt] = kCompletion;
    if (write(3, frame, kFrame) != kFrame) return 1;
  }
}
