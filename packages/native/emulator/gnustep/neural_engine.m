// AppleNeuralEngine.framework's classes in Objective-C, over the engine and GNUstep's Foundation.
#import <Foundation/Foundation.h>

#include "engine.h"

typedef enum { COUNT_DESCRIPTOR, COUNT_MODEL, COUNT_INNER, COUNT_REQUEST, COUNT_SURFACE, COUNTS } Counted;
static long counts[COUNTS];

static void Count(Counted what, long change) { __atomic_add_fetch(&counts[what], change, __ATOMIC_SEQ_CST); }

static void Report(void (*entry)(const char *name, long count, void *context), void *context) {
  static const char *const names[COUNTS] = {"_ANEInMemoryModelDescriptor", "_ANEInMemoryModel", "_ANEModel", "_ANERequest",
                                            "_ANEIOSurfaceObject"};
  for (int i = 0; i < COUNTS; ++i) {
    if (counts[i] != 0) entry(names[i], counts[i], context);
  }
}

__attribute__((constructor)) static void Register(void) { EngineReportObjects(Report); }

static const char *EngineDirectory(void) { return [NSTemporaryDirectory() UTF8String]; }

static BOOL Finish(EngineOutcome outcome, const EngineError *failure, NSError **error) {
  if (outcome == ENGINE_EXCEPTION) [NSException raise:NSInternalInconsistencyException format:@"injected"];
  if (outcome == ENGINE_FAILED && failure->domain != NULL && error != NULL) {
    NSString *domain = [NSString stringWithUTF8String:failure->domain];
    NSMutableDictionary *info = [NSMutableDictionary dictionary];
    [info setObject:[NSString stringWithUTF8String:failure->text] forKey:NSLocalizedDescriptionKey];
    if (failure->underlying_text[0] != 0) {
      NSString *text = [NSString stringWithUTF8String:failure->underlying_text];
      NSError *underlying = [NSError errorWithDomain:domain
                                                code:failure->underlying_code
                                            userInfo:[NSDictionary dictionaryWithObject:text
                                                                                 forKey:NSLocalizedDescriptionKey]];
      [info setObject:underlying forKey:NSUnderlyingErrorKey];
    }
    *error = [NSError errorWithDomain:domain code:failure->code userInfo:info];
  }
  return outcome == ENGINE_OK;
}

static void Require(BOOL condition, NSString *what) {
  if (!condition) [NSException raise:NSInvalidArgumentException format:@"expected %@", what];
}

static void RequireKind(id object, Class cls, NSString *what) { Require([object isKindOfClass:cls], what); }

@interface _ANEInMemoryModelDescriptor : NSObject {
 @public
  NSData *text_;
  NSDictionary *weights_;
}
@end

@implementation _ANEInMemoryModelDescriptor
+ (id)modelWithMILText:(NSData *)text weights:(NSDictionary *)weights optionsPlist:(id)plist {
  RequireKind(text, [NSData class], @"an NSData as MIL text");
  RequireKind(weights, [NSDictionary class], @"an NSDictionary as weights");
  Require(plist == nil, @"nil as options property list");
  _ANEInMemoryModelDescriptor *descriptor = [[self alloc] init];
  Count(COUNT_DESCRIPTOR, 1);
  descriptor->text_ = [text retain];
  descriptor->weights_ = [weights retain];
  return [descriptor autorelease];
}

- (void)dealloc {
  [text_ release];
  [weights_ release];
  Count(COUNT_DESCRIPTOR, -1);
  [super dealloc];
}
@end

@interface _ANEIOSurfaceObject : NSObject {
 @public
  EngineSurface *surface_;
}
@end

@implementation _ANEIOSurfaceObject
+ (id)objectWithIOSurface:(void *)surface {
  if (surface == NULL) return nil;
  _ANEIOSurfaceObject *wrapper = [[self alloc] init];
  Count(COUNT_SURFACE, 1);
  wrapper->surface_ = surface;
  EngineSurfaceRetain(surface);
  return [wrapper autorelease];
}

- (void)dealloc {
  EngineSurfaceRelease(surface_);
  Count(COUNT_SURFACE, -1);
  [super dealloc];
}
@end

@interface _ANERequest : NSObject {
 @public
  NSArray *inputs_;
  NSArray *outputs_;
}
@end

static void RequireIndices(NSArray *surfaces, NSArray *indices) {
  RequireKind(surfaces, [NSArray class], @"an NSArray of surfaces");
  RequireKind(indices, [NSArray class], @"an NSArray of indices");
  Require([surfaces count] == [indices count], @"as many indices as surfaces");
  for (NSUInteger i = 0; i < [indices count]; ++i) {
    RequireKind([surfaces objectAtIndex:i], [_ANEIOSurfaceObject class], @"surfaces");
    RequireKind([indices objectAtIndex:i], [NSNumber class], @"NSNumbers as indices");
    Require([[indices objectAtIndex:i] unsignedLongLongValue] == i, @"indices from 0 on");
  }
}

@implementation _ANERequest
+ (id)requestWithInputs:(NSArray *)inputs
           inputIndices:(NSArray *)inputIndices
                outputs:(NSArray *)outputs
          outputIndices:(NSArray *)outputIndices
          weightsBuffer:(id)weightsBuffer
              perfStats:(id)perfStats
         procedureIndex:(NSNumber *)procedureIndex {
  RequireIndices(inputs, inputIndices);
  RequireIndices(outputs, outputIndices);
  Require(weightsBuffer == nil && perfStats == nil, @"nil as weights buffer and statistics");
  RequireKind(procedureIndex, [NSNumber class], @"an NSNumber as procedure index");
  _ANERequest *request = [[self alloc] init];
  Count(COUNT_REQUEST, 1);
  request->inputs_ = [inputs retain];
  request->outputs_ = [outputs retain];
  return [request autorelease];
}

- (void)dealloc {
  [inputs_ release];
  [outputs_ release];
  Count(COUNT_REQUEST, -1);
  [super dealloc];
}
@end

static BOOL Evaluate(EngineModel *model, NSDictionary *options, _ANERequest *request, NSError **error) {
  RequireKind(options, [NSDictionary class], @"an NSDictionary as options");
  RequireKind(request, [_ANERequest class], @"an _ANERequest");
  const NSUInteger inputs = [request->inputs_ count];
  const NSUInteger outputs = [request->outputs_ count];
  EngineSurface *surfaces[inputs + outputs + 1];
  for (NSUInteger i = 0; i < inputs; ++i) surfaces[i] = ((_ANEIOSurfaceObject *)[request->inputs_ objectAtIndex:i])->surface_;
  for (NSUInteger i = 0; i < outputs; ++i) {
    surfaces[inputs + i] = ((_ANEIOSurfaceObject *)[request->outputs_ objectAtIndex:i])->surface_;
  }
  EngineError failure = {0};
  const EngineOutcome outcome = EngineModelEvaluate(model, surfaces, inputs, surfaces + inputs, outputs, &failure);
  return Finish(outcome, &failure, error);
}

// What -[_ANEInMemoryModel model] returns: a view of its owner.
@interface _ANEModel : NSObject {
 @public
  EngineModel *engine_;
}
@end

@implementation _ANEModel
- (void)dealloc {
  Count(COUNT_INNER, -1);
  [super dealloc];
}
@end

@interface _ANEInMemoryModel : NSObject {
 @public
  EngineModel *engine_;
  _ANEModel *inner_;
}
@end

@implementation _ANEInMemoryModel
+ (id)inMemoryModelWithDescriptor:(_ANEInMemoryModelDescriptor *)descriptor {
  RequireKind(descriptor, [_ANEInMemoryModelDescriptor class], @"a descriptor");
  NSArray *paths = [descriptor->weights_ allKeys];
  const NSUInteger count = [paths count];
  EngineFile files[count + 1];
  for (NSUInteger i = 0; i < count; ++i) {
    NSString *path = [paths objectAtIndex:i];
    NSDictionary *file = [descriptor->weights_ objectForKey:path];
    RequireKind(path, [NSString class], @"NSStrings as paths");
    RequireKind(file, [NSDictionary class], @"an NSDictionary as weight file");
    RequireKind([file objectForKey:@"offset"], [NSNumber class], @"an NSNumber as offset");
    NSData *data = [file objectForKey:@"data"];
    RequireKind(data, [NSData class], @"an NSData as data");
    files[i] = (EngineFile){[path UTF8String], [data bytes], [data length]};
  }
  _ANEInMemoryModel *model = [[self alloc] init];
  Count(COUNT_MODEL, 1);
  model->engine_ = EngineModelCreate([descriptor->text_ bytes], [descriptor->text_ length], files, count);
  return [model autorelease];
}

- (void)dealloc {
  [inner_ release];
  EngineModelDestroy(engine_);
  Count(COUNT_MODEL, -1);
  [super dealloc];
}

- (NSString *)hexStringIdentifier {
  return [NSString stringWithUTF8String:EngineModelIdentifier(engine_)];
}

- (BOOL)compileWithQoS:(unsigned int)qos options:(NSDictionary *)options error:(NSError **)error {
  RequireKind(options, [NSDictionary class], @"an NSDictionary as options");
  EngineError failure = {0};
  return Finish(EngineModelCompile(engine_, EngineDirectory(), &failure), &failure, error);
}

- (BOOL)loadWithQoS:(unsigned int)qos options:(NSDictionary *)options error:(NSError **)error {
  RequireKind(options, [NSDictionary class], @"an NSDictionary as options");
  EngineError failure = {0};
  return Finish(EngineModelLoad(engine_, EngineDirectory(), &failure), &failure, error);
}

- (BOOL)evaluateWithQoS:(unsigned int)qos options:(NSDictionary *)options request:(_ANERequest *)request error:(NSError **)error {
  return Evaluate(engine_, options, request, error);
}

- (BOOL)unloadWithQoS:(unsigned int)qos error:(NSError **)error {
  EngineError failure = {0};
  return Finish(EngineModelUnload(engine_, &failure), &failure, error);
}

- (BOOL)compiledModelExists {
  return EngineModelIsCompiled(engine_, EngineDirectory()) != 0;
}

- (void)purgeCompiledModel {
  EngineModelPurge(engine_, EngineDirectory());
}

- (_ANEModel *)model {
  if (inner_ == nil) {
    inner_ = [[_ANEModel alloc] init];
    Count(COUNT_INNER, 1);
    inner_->engine_ = engine_;
  }
  return inner_;
}
@end

@interface _ANEDeviceInfo : NSObject
@end

@implementation _ANEDeviceInfo
+ (NSString *)aneSubType {
  return [NSString stringWithUTF8String:EngineChip()];
}
@end

@interface _ANEClient : NSObject
@end

@implementation _ANEClient
+ (_ANEClient *)sharedConnection {
  static _ANEClient *client = nil;
  if (client == nil) client = [[self alloc] init];
  return client;
}

- (BOOL)doEvaluateDirectWithModel:(_ANEModel *)model
                          options:(NSDictionary *)options
                          request:(_ANERequest *)request
                              qos:(unsigned int)qos
                            error:(NSError **)error {
  RequireKind(model, [_ANEModel class], @"an _ANEModel");
  return Evaluate(model->engine_, options, request, error);
}

- (BOOL)evaluateRealTimeWithModel:(_ANEModel *)model
                          options:(NSDictionary *)options
                          request:(_ANERequest *)request
                            error:(NSError **)error {
  RequireKind(model, [_ANEModel class], @"an _ANEModel");
  return Evaluate(model->engine_, options, request, error);
}

// Both need an entitlement that no developer has.
- (BOOL)beginRealTimeTask {
  return NO;
}

- (BOOL)endRealTimeTask {
  return NO;
}
@end
