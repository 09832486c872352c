#pragma once

typedef unsigned long tcflag_t;
typedef unsigned long speed_t;
struct termios {
  tcflag_t c_iflag, c_oflag, c_cflag, c_lflag;
  unsigned char c_cc[20];
  speed_t c_ispeed, c_ospeed;
};
