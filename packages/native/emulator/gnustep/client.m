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

@implementation _ANEClient
+ (_ANEClient*)sharedConnection {
  static _ANEClient* client = nil;
  if (client == nil) client = [[self alloc] init];
  return client;
}

- (BOOL)doEvaluateDirectWithModel:(_ANEModel*)model
                          options:(NSDictionary*)options
                          request:(_ANERequest*)request
                              qos:(unsigned int)qos
                            error:(NSError**)error {
  RequireKind(model, [_ANEModel class], @"an _ANEModel");
  return Evaluate(model->engine_, options, request, error);
}
@end
