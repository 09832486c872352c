/* clang-format off */
/*
 * A Neural Engine in software, as strict as the framework in front of it is known to be. Plain C, so that the emulated
 * classes can be written in C++ (objc/) or in Objective-C (gnustep/).
 *
 * Environment:
 *   MAYFLY_EMULATOR_COMPILE_LIMIT  compilations of a process after which all fail, where _ANEInMemoryModel compiles;
 *                                  default 119, 0: no limit
 *   MAYFLY_EMULATOR_LIVE_LIMIT     programs loaded at once in a process; default 127, 0: no limit
 *   MAYFLY_EMULATOR_CHIP           the aneSubType; default h16. none: a machine without an engine
 *   MAYFLY_EMULATOR_TEMPORARY      the result of NSTemporaryDirectory(), which may differ from TMPDIR; default: the
 *                                  runtime's own
 *   MAYFLY_EMULATOR_DIALECT        ios16: program(1.3) is rejected, ios18: program(1.0) is; default: both compile
 *   MAYFLY_EMULATOR_PORTS          alphabetical (default), declared, or single: several inputs or outputs are 0x1d
 *   MAYFLY_EMULATOR_ATTRIBUTES     none: a loaded model does not tell its ports; default: it does
 *   MAYFLY_EMULATOR_OUTPUTS        the most outputs of a program that get their values; further ones are zero. Default: all
 *   MAYFLY_EMULATOR_SURFACES       unshared: a surface that another program evaluated with is 0x1d; default: programs share them
 *   MAYFLY_EMULATOR_LOCKS          evaluating: a surface can be locked only by the first thread that evaluates; default: by all
 *   MAYFLY_EMULATOR_BUNDLE         single: programs with several weight files are refused, as macOS 27 does
 *   MAYFLY_EMULATOR_IDENTITY       text: the identifier leaves out the weights, and programs of one identifier share what
 *                                  was compiled first; default: both count
 *   MAYFLY_EMULATOR_UNLOAD         keep: unload leaves the staged directory; default: it removes it, as macOS does
 *   MAYFLY_EMULATOR_COMPILE_MS     milliseconds after which a compilation reads the staged files; default 0
 *   MAYFLY_EMULATOR_RELOAD         stale (default): load uses the weights of the compilation; files: it reads the
 *                                  files; first: only the first load of a program that was unloaded does
 *   MAYFLY_EMULATOR_IDENTIFIER     the hexStringIdentifier; empty: nil. Default: digests
 *   MAYFLY_EMULATOR_WIDE           a selector whose 32-bit arguments are declared to have 64
 *   MAYFLY_EMULATOR_MISSING        classes and methods that do not exist:
 *                                  `_ANERequest,-[_ANEInMemoryModel unload…]`
 *   MAYFLY_EMULATOR_FAULTS         `phase@number=fault`, separated by commas. Phases compile, load, evaluate, unload,
 *                                  lock and, of the classes written in C++, release and drain, counted from 1 each
 *                                  (`@*`: always). Faults: error:CODE, error:nil, error:TEXT (of a compilation), exception,
 *                                  hang, zeros, crash; exception alone for release and drain
 *   MAYFLY_EMULATOR_REFUSE         programs to refuse by their form, `pattern[=N][@phase][/elements]`, separated by
 *                                  commas: src/sim/refusals.cc, docs/topics/variants.md
 *   MAYFLY_EMULATOR_IOREPORT       channels of libIOReport, `group|subgroup|name|unit|gains`, separated by commas: what a
 *                                  counter gains with each sample (`5:5:-3`, the last goes on), or what each state of a
 *                                  histogram does (`1GB/s=3:2GB/s=1`). Default: none; in the classes written in C++ alone
 *   MAYFLY_EMULATOR_IOREPORT_REFUSES  a group of channels that cannot be subscribed to
 *   MAYFLY_EMULATOR_COUNT          1: the report has the bytes that clients wrote into surfaces, element by element of fp16
 *   MAYFLY_EMULATOR_REPORT         a file that gets counts and live objects at the end of the process, as JSON; %p
 *                                  stands for the process id
 */
/* clang-format on */
#ifndef MAYFLY_EMULATOR_ENGINE_H
#define MAYFLY_EMULATOR_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct EngineModel EngineModel;
typedef struct EngineSurface EngineSurface;

typedef struct {
  const char* path;
  const void* data;
  size_t bytes;
} EngineFile;

/* What an NSError is made of. No domain: the method fails with a nil error. */
typedef struct {
  const char* domain;
  long code;
  char text[512];
  long underlying_code;
  char underlying_text[512];
  /* _ANEErrorUnderlyingStatus and _ANEErrorLoadStage of the user info. No stage: neither is there. */
  long status;
  long stage;
} EngineError;

typedef enum { ENGINE_FAILED = 0, ENGINE_OK = 1, ENGINE_EXCEPTION = 2 } EngineOutcome;

const char* EngineChip(void);
/* MAYFLY_EMULATOR_TEMPORARY; null if unset. */
const char* EngineTemporaryDirectory(void);
/* Whether MAYFLY_EMULATOR_MISSING names it: `_ANERequest` or `-[_ANEInMemoryModel unloadWithQoS:error:]`. */
int EngineLacks(const char* name);
/* Whether MAYFLY_EMULATOR_WIDE names the selector. */
int EngineWidens(const char* selector);
int EngineIsPresent(void);

/* Copies text and files. */
EngineModel* EngineModelCreate(const void* text, size_t bytes, const EngineFile* files, size_t count);
/* The _ANEModel of a folder, whose files are read when it is compiled. */
EngineModel* EngineModelCreateAt(const char* folder, const char* key);
/* A model that is still loaded is unloaded. */
void EngineModelDestroy(EngineModel* model);
/* Null: nil. */
const char* EngineModelIdentifier(const EngineModel* model);
/* `temporary`: where the directory named by the identifier must hold model.mil and the weight files. */
EngineOutcome EngineModelCompile(EngineModel* model, const char* temporary, EngineError* error);
EngineOutcome EngineModelLoad(EngineModel* model, const char* temporary, EngineError* error);
EngineOutcome EngineModelEvaluate(EngineModel* model, EngineSurface* const* inputs, size_t input_count,
                                  EngineSurface* const* outputs, size_t output_count, EngineError* error);
EngineOutcome EngineModelUnload(EngineModel* model, const char* temporary, EngineError* error);
/* Whether a model is loaded and tells its ports. */
int EngineModelDescribes(EngineModel* model);
/* The names of its inputs (side 0) or outputs (side 1) in the order of a request. */
void EngineModelPorts(EngineModel* model, int side, void (*add)(const char* name, void* context), void* context);
/* Of the client. `type` and `file`: kANEFModelType and kANEFNetPlistFilenameKey of the options; null if absent. */
EngineOutcome EngineClientCompile(EngineModel* model, const char* temporary, const char* type, const char* file,
                                  EngineError* error);
int EngineClientIsCompiled(EngineModel* model, const char* temporary);
void EngineClientPurge(EngineModel* model, const char* temporary);

/* Memory that is PROT_NONE to the client unless locked. Null if `bytes` is 0. */
EngineSurface* EngineSurfaceCreate(size_t bytes);
void EngineSurfaceRetain(EngineSurface* surface);
void EngineSurfaceRelease(EngineSurface* surface);
/* 0 or a kIOReturn code. Locks nest; read-only ones (bit 0 of `options`) make writes fault. */
int EngineSurfaceLock(EngineSurface* surface, uint32_t options);
int EngineSurfaceUnlock(EngineSurface* surface, uint32_t options);
void* EngineSurfaceAddress(EngineSurface* surface);
size_t EngineSurfaceBytes(const EngineSurface* surface);

/* Adds a count of live objects that the report shows: called once, by whoever implements the classes. */
void EngineReportObjects(void (*write)(void (*entry)(const char* name, long count, void* context), void* context));

#ifdef __cplusplus
}
#endif

#endif
