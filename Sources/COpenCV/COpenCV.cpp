#include "COpenCV.h"
#include <opencv2/core.hpp>
