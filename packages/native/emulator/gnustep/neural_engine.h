// Shared by the files with AppleNeuralEngine.framework's classes over the engine and GNUstep's Foundation.
#import <Foundation/Foundation.h>

#include "engine.h"

typedef enum { COUNT_DESCRIPTOR, COUNT_MODEL, COUNT_INNER, COUNT_REQUEST, COUNT_SURFACE, COUNTS } Counted;

// Live objects, for the report.
void Count(Counted what, long change);

void Require(BOOL condition, NSString* what);
void RequireKind(id object, Class cls, NSString* what);
// The result of a method for an outcome. Raises for an exception, and sets `error` for a failure that has one.
BOOL Finish(EngineOutcome outcome, const EngineError* failure, NSError** error);

@interface _ANEIOSurfaceObject : NSObject {
 @public
  EngineSurface* surface_;
}
@end

@interface _ANERequest : NSObject {
 @public
  NSArray* inputs_;
  NSArray* outputs_;
}
@end

BOOL Evaluate(EngineModel* model, NSDictionary* options, _ANERequest* request, NSError** error);

// The result of -[_ANEInMemoryModel model] is a view of its owner; that of modelAtURL:key: owns its model.
@interface _ANEModel : NSObject {
 @public
  EngineModel* engine_;
  BOOL owner_;
}
@end
