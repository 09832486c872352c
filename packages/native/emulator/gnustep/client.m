// The connection to the service, and the framework's description of the machine.
#import "neural_engine.h"

@interface _ANEDeviceInfo : NSObject
@end

@implementation _ANEDeviceInfo
+ (NSString*)aneSubType {
  return [NSString stringWithUTF8String:EngineChip()];
}

+ (BOOL)hasANE {
  return EngineIsPresent() != 0;
}
@end

@interface _ANEClient : NSObject
@end

static const char* EngineDirectory(void) { return [NSTemporaryDirectory() UTF8String]; }

static EngineModel* EngineOf(_ANEModel* model) {
  RequireKind(model, [_ANEModel class], @"an _ANEModel");
  return model->engine_;
}

@implementation _ANEClient
+ (_ANEClient*)sharedConnection {
  static _ANEClient* client = nil;
  if (client == nil) client = [[self alloc] init];
  return client;
}

- (BOOL)compileModel:(_ANEModel*)model options:(NSDictionary*)options qos:(unsigned int)qos error:(NSError**)error {
  RequireKind(options, [NSDictionary class], @"an NSDictionary as options");
  EngineError failure = {0};
  const char* type = [[options objectForKey:@"kANEFModelType"] UTF8String];
  const char* file = [[options objectForKey:@"kANEFNetPlistFilenameKey"] UTF8String];
  return Finish(EngineClientCompile(EngineOf(model), EngineDirectory(), type, file, &failure), &failure, error);
}

- (BOOL)compiledModelExistsFor:(_ANEModel*)model {
  return EngineClientIsCompiled(EngineOf(model), EngineDirectory()) != 0;
}

- (void)purgeCompiledModel:(_ANEModel*)model {
  EngineClientPurge(EngineOf(model), EngineDirectory());
}

- (BOOL)loadModel:(_ANEModel*)model options:(NSDictionary*)options qos:(unsigned int)qos error:(NSError**)error {
  RequireKind(options, [NSDictionary class], @"an NSDictionary as options");
  EngineError failure = {0};
  return Finish(EngineModelLoad(EngineOf(model), EngineDirectory(), &failure), &failure, error);
}

- (BOOL)evaluateWithModel:(_ANEModel*)model
                  options:(NSDictionary*)options
                  request:(_ANERequest*)request
                      qos:(unsigned int)qos
                    error:(NSError**)error {
  return Evaluate(EngineOf(model), options, request, error);
}

- (BOOL)unloadModel:(_ANEModel*)model options:(NSDictionary*)options qos:(unsigned int)qos error:(NSError**)error {
  RequireKind(options, [NSDictionary class], @"an NSDictionary as options");
  EngineError failure = {0};
  return Finish(EngineModelUnload(EngineOf(model), EngineDirectory(), &failure), &failure, error);
}

- (BOOL)doEvaluateDirectWithModel:(_ANEModel*)model
                          options:(NSDictionary*)options
                          request:(_ANERequest*)request
                              qos:(unsigned int)qos
                            error:(NSError**)error {
  return Evaluate(EngineOf(model), options, request, error);
}
@end
