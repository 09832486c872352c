import { existsSync } from 'node:fs';

const FOLDER = '/usr/lib/x86_64-linux-gnu/openblas-openmp';

/** The environment in which a program finds Debian's OpenBLAS with OpenMP threads; empty where it is not installed. */
export const openmpBlas: Readonly<Record<string, string>> = existsSync(FOLDER) ? { LD_LIBRARY_PATH: FOLDER } : {};
