import workerpool from 'workerpool';

workerpool.worker({ echo: <T>(message: T): T => message });
