// Descriptors and models.
#import "neural_engine.h"

static const char* EngineDirectory(void) { return [NSTemporaryDirectory() UTF8String]; }

static void AddName(const char* name, void* context) {
  [(NSMutableArray*)context addObject:[NSString stringWithUTF8String:name]];
}

// The names of one side's ports. As on a Mac, outputs have a suffix.
static NSArray* Symbols(EngineModel* model, int side) {
  NSMutableArray* names = [NSMutableArray array];
  EngineModelPorts(model, side, AddName, names);
  if (side == 0) return names;
  NSMutableArray* symbols = [NSMutableArray array];
  for (NSUInteger i = 0; i < [names count]; ++i) {
    [symbols addObject:[[names objectAtIndex:i] stringByAppendingString:@"@output"]];
  }
  return symbols;
}

static NSDictionary* AttributesOf(EngineModel* model) {
  if (EngineModelDescribes(model) == 0) return nil;
  NSDictionary* description =
      [NSDictionary dictionaryWithObjectsAndKeys:Symbols(model, 0), @"kANEFModelInputSymbolsArrayKey",
                                                 Symbols(model, 1), @"kANEFModelOutputSymbolsArrayKey", nil];
  return [NSDictionary dictionaryWithObject:description forKey:@"ANEFModelDescription"];
}

@interface _ANEInMemoryModelDescriptor : NSObject {
 @public
  NSData* text_;
  NSDictionary* weights_;
}
@end

@implementation _ANEInMemoryModelDescriptor
+ (id)modelWithMILText:(NSData*)text weights:(NSDictionary*)weights optionsPlist:(id)plist {
  RequireKind(text, [NSData class], @"an NSData as MIL text");
  RequireKind(weights, [NSDictionary class], @"an NSDictionary as weights");
  Require(plist == nil, @"nil as options property list");
  _ANEInMemoryModelDescriptor* descriptor = [[self alloc] init];
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

@implementation _ANEModel
+ (id)modelAtURL:(NSURL*)url key:(NSString*)key {
  RequireKind(url, [NSURL class], @"an NSURL of a folder");
  RequireKind(key, [NSString class], @"an NSString as key");
  _ANEModel* model = [[self alloc] init];
  Count(COUNT_INNER, 1);
  model->engine_ = EngineModelCreateAt([[url path] UTF8String], [key UTF8String]);
  model->owner_ = YES;
  return [model autorelease];
}

- (NSDictionary*)modelAttributes {
  return AttributesOf(engine_);
}

- (void)dealloc {
  if (owner_) EngineModelDestroy(engine_);
  Count(COUNT_INNER, -1);
  [super dealloc];
}
@end

@interface _ANEInMemoryModel : NSObject {
 @public
  EngineModel* engine_;
  _ANEModel* inner_;
}
@end

@implementation _ANEInMemoryModel
+ (id)inMemoryModelWithDescriptor:(_ANEInMemoryModelDescriptor*)descriptor {
  RequireKind(descriptor, [_ANEInMemoryModelDescriptor class], @"a descriptor");
  NSArray* paths = [descriptor->weights_ allKeys];
  const NSUInteger count = [paths count];
  EngineFile files[count + 1];
  for (NSUInteger i = 0; i < count; ++i) {
    NSString* path = [paths objectAtIndex:i];
    NSDictionary* file = [descriptor->weights_ objectForKey:path];
    RequireKind(path, [NSString class], @"NSStrings as paths");
    RequireKind(file, [NSDictionary class], @"an NSDictionary as weight file");
    RequireKind([file objectForKey:@"offset"], [NSNumber class], @"an NSNumber as offset");
    NSData* data = [file objectForKey:@"data"];
    RequireKind(data, [NSData class], @"an NSData as data");
    files[i] = (EngineFile){[path UTF8String], [data bytes], [data length]};
  }
  _ANEInMemoryModel* model = [[self alloc] init];
  Count(COUNT_MODEL, 1);
  model->engine_ = EngineModelCreate([descriptor->text_ bytes], [descriptor->text_ length], files, count);
  return [model autorelease];
}

- (void)dealloc {
  // A class of Apple's might do this: code that releases it needs a pool.
  [NSMutableString stringWithString:@"released"];
  [inner_ release];
  EngineModelDestroy(engine_);
  Count(COUNT_MODEL, -1);
  [super dealloc];
}

- (NSString*)hexStringIdentifier {
  const char* identifier = EngineModelIdentifier(engine_);
  return identifier == NULL ? nil : [NSString stringWithUTF8String:identifier];
}

- (BOOL)compileWithQoS:(unsigned int)qos options:(NSDictionary*)options error:(NSError**)error {
  RequireKind(options, [NSDictionary class], @"an NSDictionary as options");
  EngineError failure = {0};
  return Finish(EngineModelCompile(engine_, EngineDirectory(), &failure), &failure, error);
}

- (BOOL)loadWithQoS:(unsigned int)qos options:(NSDictionary*)options error:(NSError**)error {
  RequireKind(options, [NSDictionary class], @"an NSDictionary as options");
  EngineError failure = {0};
  return Finish(EngineModelLoad(engine_, EngineDirectory(), &failure), &failure, error);
}

- (BOOL)evaluateWithQoS:(unsigned int)qos
                options:(NSDictionary*)options
                request:(_ANERequest*)request
                  error:(NSError**)error {
  return Evaluate(engine_, options, request, error);
}

- (BOOL)unloadWithQoS:(unsigned int)qos error:(NSError**)error {
  EngineError failure = {0};
  return Finish(EngineModelUnload(engine_, EngineDirectory(), &failure), &failure, error);
}

- (NSDictionary*)modelAttributes {
  return AttributesOf(engine_);
}

- (_ANEModel*)model {
  if (inner_ == nil) {
    inner_ = [[_ANEModel alloc] init];
    Count(COUNT_INNER, 1);
    inner_->engine_ = engine_;
  }
  return inner_;
}
@end
