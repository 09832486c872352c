import type { AneApi } from './ane-inspection.js';
import type { DType } from './arena.js';
import type { InputReuse } from './process.js';

/** One input or output of a program. */
export interface Port {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: number;
}

export interface ProgramInfo {
  readonly program: number;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Memory that it needs as the only program; on the cpu device, programs share their scratch memory. */
  readonly residentBytes: number;
  /** Compilations that count towards the limit: 0 if the device found the program compiled, else 1. */
  readonly compilations: number;
  readonly nanoseconds: number;
  /** Sentences about the weight files: records that were read although they do not describe their tensor. At most 100. */
  readonly warnings: readonly string[];
}

export interface DeviceStats {
  readonly compilations: number;
  readonly livePrograms: number;
  readonly evaluations: number;
  /** Memory that the device holds for all programs. */
  readonly residentBytes: number;
  readonly evaluateNanoseconds: number;
  readonly compileNanoseconds: number;
  /** Bytes that evaluations copied from the arena into the device's own memory, and back; 0 for devices that compute in place. */
  readonly copiedInBytes: number;
  readonly copiedOutBytes: number;
  /** Of `copiedInBytes`, those that an evaluation found copied when it began. */
  readonly prefetchedBytes: number;
}

/** A weight file of a program: a range of the arena, read only while compiling. */
export interface WeightRange {
  readonly path: string;
  readonly offset: number;
  readonly bytes: number;
}

/** What a compilation may be told beside text and weights. */
export interface CompileOptions {
  /** The function of the program. Default: `main`, or the first if none has that name. Device `ane` runs `main` only. */
  readonly function?: string | undefined;
  /** True passes the text on to the engine without checking it; of the text, only the ports are read. Device `ane` only. Default: false. */
  readonly unchecked?: boolean | undefined;
}

/** One open device and the programs loaded on it, in this process. */
export interface NativeDevice {
  readonly name: string;
  /** Of device `ane`; null for others. */
  readonly api: AneApi | null;
  compile(text: string, weights: readonly WeightRange[], options?: CompileOptions): ProgramInfo;
  /** Synchronous evaluation, for tests and in-process use; offsets as in `Connection.dispatchPorts`. */
  evaluate(program: number, offsets: readonly number[], reuse?: InputReuse): void;
  /** As `Connection.prefetch`. */
  prefetch(program: number, inputOffset: number, reuse: InputReuse): void;
  unload(program: number): void;
  stats(): DeviceStats;
  close(): void;
}

/**
 * How exact the products of matrices are. 'exact' (default): at least as exact as a sum of the products of fp16 or fp32
 * operands in fp32. 'fast': operands rounded to bf16, sums in fp32, where `fastMatmul` names what does it; elsewhere exact. 'blas':
 * by `cblas_sgemm` of the library that `blas` names, with operands in fp32.
 */
export type Precision = 'exact' | 'fast' | 'blas';

export interface DeviceOptions {
  /** Default: 1. */
  readonly threads?: number;
  /** Of the matrix products of device `cpu`; others have their own. Default: 'exact'. */
  readonly precision?: Precision;
  /** Given by the loader, for `sim:` devices. */
  readonly sim?: SimSettings;
}

/** A simulated device's treatment of a program. */
export interface SimVerdict {
  /** The error of compiling or loading it. */
  readonly refused?: { readonly code: string; readonly message: string };
  /** The framework's words at every evaluation. */
  readonly evaluateError?: string;
  /** Evaluations succeed with zeros. */
  readonly zeros?: boolean;
  /** Tensors are bound to ports in alphabetical order of the names. */
  readonly inputsByName?: boolean;
  readonly outputsByName?: boolean;
  readonly compileNanoseconds: number;
  readonly evaluateNanoseconds: number;
}

/** Settings of a simulated device for the addon. */
export interface SimSettings {
  readonly name: string;
  readonly compilations: number;
  readonly livePrograms: number;
  /** Bytes of weight files over all loaded programs. */
  readonly programBytes: number;
  /** Report the chip's nanoseconds instead of the cpu device's. */
  readonly clock: boolean;
  /** Where the arithmetic differs from that of the cpu device. Default: nowhere. */
  readonly numerics?: {
    /** Magnitude from which results of matmul and conv are infinite. */
    readonly infiniteFrom?: number;
    /** Magnitude from which they are zero instead. */
    readonly zeroFrom?: number;
    /** Largest magnitude that a slice takes from within the last axis; what is larger becomes infinite. */
    readonly sliceLimit?: number;
    /** Points of the table of sigmoid, from −8 to 8. */
    readonly sigmoidPoints?: number;
    /** Magnitude below which products of two elements are dropped from the sums of matmul and conv. */
    readonly productFloor?: number;
  };
  readonly openFaults: readonly object[];
  readonly compileFaults: readonly object[];
  readonly evaluateFaults: readonly object[];
  readonly unloadFaults: readonly object[];
  /** Patterns of programs to refuse: `pattern[=N][@phase][/elements]`. */
  readonly refuse: readonly string[];
  readonly teardownMs: number;
  readonly seed?: number;
  readonly judge: (text: string, function_: string) => SimVerdict;
}
