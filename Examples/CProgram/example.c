// Looks at pictures with the model of this package and prints what it finds.
//
//   cc example.c -I. -Llib -lotx_run -Wl,-rpath,'$ORIGIN/lib' -o example
//   ./example . picture.jpg ...

#include <stdio.h>

#include "otx_run.h"

int main(int count, char **arguments) {
  if (count < 3) {
    fprintf(stderr, "usage: %s PACKAGE PICTURE...\n", arguments[0]);
    return 64;
  }
  otx_run_model *model = NULL;
  char *error = NULL;
  if (otx_run_open(arguments[1], NULL, -1, &model, &error) != 0) {
    fprintf(stderr, "error: %s\n", error);
    otx_run_free_text(error);
    return 1;
  }
  int status = 0;
  for (int index = 2; index < count; index++) {
    otx_run_result *result = NULL;
    if (otx_run_predict_file(model, arguments[index], &result, &error) != 0) {
      fprintf(stderr, "error: %s\n", error);
      otx_run_free_text(error);
      status = 1;
      continue;
    }
    for (size_t place = 0; place < result->count; place++) {
      const otx_run_finding *finding = &result->findings[place];
      printf("%s: %s %.2f", arguments[index], finding->label, finding->score);
      if (finding->has_box)
        printf(" at %.0f,%.0f to %.0f,%.0f", finding->x1, finding->y1, finding->x2, finding->y2);
      if (finding->has_value) printf(" = %g", finding->value);
      printf("\n");
    }
    otx_run_free_result(result);
  }
  otx_run_close(model);
  return status;
}
