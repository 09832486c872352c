// Shared by the classes: checks, errors, counts of live objects.
#import "neural_engine.h"

static long counts[COUNTS];

void Count(Counted what, long change) { __atomic_add_fetch(&counts[what], change, __ATOMIC_SEQ_CST); }

static void Report(void (*entry)(const char* name, long count, void* context), void* context) {
  static const char* const names[COUNTS] = {"_ANEInMemoryModelDescriptor", "_ANEInMemoryModel", "_ANEModel",
                                            "_ANERequest", "_ANEIOSurfaceObject"};
  for (int i = 0; i < COUNTS; ++i) {
    if (counts[i] != 0) entry(names[i], counts[i], context);
  }
}

__attribute__((constructor)) static void Register(void) { EngineReportObjects(Report); }

BOOL Finish(EngineOutcome outcome, const EngineError* failure, NSError** error) {
  if (outcome == ENGINE_EXCEPTION) [NSException raise:NSInternalInconsistencyException format:@"injected"];
  if (outcome == ENGINE_FAILED && failure->domain != NULL && error != NULL) {
    NSString* domain = [NSString stringWithUTF8String:failure->domain];
    NSMutableDictionary* info = [NSMutableDictionary dictionary];
    [info setObject:[NSString stringWithUTF8String:failure->text] forKey:NSLocalizedDescriptionKey];
    if (failure->underlying_text[0] != 0) {
      NSString* text = [NSString stringWithUTF8String:failure->underlying_text];
      NSError* underlying = [NSError errorWithDomain:domain
                                                code:failure->underlying_code
                                            userInfo:[NSDictionary dictionaryWithObject:text
                                                                                 forKey:NSLocalizedDescriptionKey]];
      [info setObject:underlying forKey:NSUnderlyingErrorKey];
    }
    if (failure->stage != 0) {
      [info setObject:[NSNumber numberWithLong:failure->status] forKey:@"_ANEErrorUnderlyingStatus"];
      [info setObject:[NSNumber numberWithLong:failure->stage] forKey:@"_ANEErrorLoadStage"];
    }
    *error = [NSError errorWithDomain:domain code:failure->code userInfo:info];
  }
  return outcome == ENGINE_OK;
}

void Require(BOOL condition, NSString* what) {
  if (!condition) [NSException raise:NSInvalidArgumentException format:@"expected %@", what];
}

void RequireKind(id object, Class cls, NSString* what) { Require([object isKindOfClass:cls], what); }
