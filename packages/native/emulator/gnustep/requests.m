// Surfaces, requests and evaluations.
#import "neural_engine.h"

@implementation _ANEIOSurfaceObject
+ (id)objectWithIOSurface:(void*)surface {
  if (surface == NULL) return nil;
  _ANEIOSurfaceObject* wrapper = [[self alloc] init];
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

static void RequireIndices(NSArray* surfaces, NSArray* indices) {
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
+ (id)requestWithInputs:(NSArray*)inputs
           inputIndices:(NSArray*)inputIndices
                outputs:(NSArray*)outputs
          outputIndices:(NSArray*)outputIndices
          weightsBuffer:(id)weightsBuffer
              perfStats:(id)perfStats
         procedureIndex:(NSNumber*)procedureIndex {
  RequireIndices(inputs, inputIndices);
  RequireIndices(outputs, outputIndices);
  Require(weightsBuffer == nil && perfStats == nil, @"nil as weights buffer and statistics");
  RequireKind(procedureIndex, [NSNumber class], @"an NSNumber as procedure index");
  _ANERequest* request = [[self alloc] init];
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

BOOL Evaluate(EngineModel* model, NSDictionary* options, _ANERequest* request, NSError** error) {
  RequireKind(options, [NSDictionary class], @"an NSDictionary as options");
  RequireKind(request, [_ANERequest class], @"an _ANERequest");
  const NSUInteger inputs = [request->inputs_ count];
  const NSUInteger outputs = [request->outputs_ count];
  EngineSurface* surfaces[inputs + outputs + 1];
  for (NSUInteger i = 0; i < inputs; ++i)
    surfaces[i] = ((_ANEIOSurfaceObject*)[request->inputs_ objectAtIndex:i])->surface_;
  for (NSUInteger i = 0; i < outputs; ++i) {
    surfaces[inputs + i] = ((_ANEIOSurfaceObject*)[request->outputs_ objectAtIndex:i])->surface_;
  }
  EngineError failure = {0};
  const EngineOutcome outcome = EngineModelEvaluate(model, surfaces, inputs, surfaces + inputs, outputs, &failure);
  return Finish(outcome, &failure, error);
}
