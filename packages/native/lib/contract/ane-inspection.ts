/** The class of AppleNeuralEngine.framework through which programs reach the engine: `_ANEInMemoryModel` or `_ANEClient`. */
export type AneApi = 'in-memory' | 'client';

/** A method of AppleNeuralEngine.framework that the ane device knows of. */
export interface AneMethod {
  /** `-[_ANEInMemoryModel unloadWithQoS:error:]`. */
  readonly method: string;
  /** The feature that needs it: `core` is required, all others are optional. */
  readonly capability: string;
  readonly classPresent: boolean;
  readonly present: boolean;
  /** Present, with the arguments and the result that are passed and expected. */
  readonly usable: boolean;
  readonly expectedArguments: number;
  /** A letter for the result and one for each argument: `b` a byte, `i` 32 bits, `q` 64, `@` an object, `p` a pointer, `v` nothing. */
  readonly expectedKinds: string;
  /** As this system has it; absent where the method is. */
  readonly arguments?: number;
  readonly encoding?: string;
  readonly kinds?: string;
}

export interface AneProbe {
  readonly available: boolean;
  /** Why not; empty if it is. */
  readonly reason: string;
  /** `h16` is an M4; empty if not told. */
  readonly chip: string;
  /** Those of which every method is there. */
  readonly capabilities: readonly string[];
  readonly methods: readonly AneMethod[];
}

/** The results of a canary on this machine. */
export interface AneCanary {
  readonly name: string;
  readonly outcome: string;
  readonly ok: boolean;
}

/** The ane device's report on this machine. */
export interface AneInspection {
  /** Compiles nothing and works everywhere. */
  probe(): AneProbe;
  /** Compiles and runs about ten tiny programs, in this process: call it in one that ends soon. */
  canaries(): AneCanary[];
  /** The MIL dialect of programs: MAYFLY_ANE_DIALECT, else the one in which a canary compiles. */
  dialect(): 'ios18' | 'ios16';
}
