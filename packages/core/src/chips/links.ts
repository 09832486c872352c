/** A property of a link, with its origin. */
interface LinkFigure {
  readonly value: number;
  readonly source: string;
  /** Whether no measurement of it is known. */
  readonly assumed: boolean;
}

/** What connects machines, as MPI uses it. */
export interface Link {
  readonly title: string;
  /** Gigabytes per second that a rank sends while it receives as many. */
  readonly bandwidth: LinkFigure;
  /** Microseconds until the other rank has a short message. */
  readonly latency: LinkFigure;
}

const measured = (value: number, source: string): LinkFigure => ({ value, source, assumed: false });
const assumed = (value: number, source: string): LinkFigure => ({ value, source, assumed: true });

/** TCP's share of Ethernet's rate: 1448 of 1538 bytes of a frame, with its preamble and gap. */
const TCP_SHARE = 1448 / 1538;

export const linkNames = ['thunderbolt5', 'thunderbolt4', 'jaccl', '10gbe', 'ethernet', 'machine'] as const;
export type LinkName = (typeof linkNames)[number];

export const links: Readonly<Record<LinkName, Link>> = {
  thunderbolt5: {
    title: 'IP over Thunderbolt 5',
    bandwidth: assumed(4.1, 'twice that of Thunderbolt 4, as the rate of the cable'),
    latency: assumed(50, 'as 10 Gigabit Ethernet'),
  },
  thunderbolt4: {
    title: 'IP over Thunderbolt 4',
    bandwidth: measured(2.05, '16.4 Gbit/s by iperf3 from a MacBook Pro M2 over USB4 (jiribrejcha.net)'),
    latency: assumed(50, 'as 10 Gigabit Ethernet'),
  },
  jaccl: {
    title: 'RDMA over Thunderbolt 5, which Mayfly does not use yet',
    bandwidth: measured(7.6, 'per rank, as the author of another library for the link claims (pytorch/pytorch#189856)'),
    latency: assumed(10, 'a fifth of TCP'),
  },
  '10gbe': {
    title: '10 Gigabit Ethernet',
    bandwidth: assumed(1.25 * TCP_SHARE, "the line's rate without the headers of TCP, IP and Ethernet"),
    latency: assumed(50, 'TCP with one switch'),
  },
  ethernet: {
    title: 'Gigabit Ethernet',
    bandwidth: assumed(0.125 * TCP_SHARE, "the line's rate without the headers of TCP, IP and Ethernet"),
    latency: assumed(100, 'TCP with one switch'),
  },
  machine: {
    title: 'ranks of one machine',
    bandwidth: measured(2.5, '32 MiB among two ranks in 12 to 14 ms, by Open MPI and MPICH on 2 cores of an AMD EPYC'),
    latency: assumed(5, 'a wait of the thread that calls MPI'),
  },
};
