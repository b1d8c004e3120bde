; Every action of Pentimento from Script-Fu, without a dialog. In the repository:
;
; gimp-console --no-interface --quit --batch-interpreter=plug-in-script-fu-eval \
;   -b '(load "docs/examples/script_fu.scm") (main "examples/photo.jpg" "painted.xcf")'

(script-fu-use-v3)

(define (image-to-image image photo)
  (plug-in-pentimento-img2img
    #:run-mode RUN-NONINTERACTIVE #:image image #:drawables (vector photo)
    #:prompt "a red house on a green meadow, oil painting"
    #:strength 0.6 #:steps 8 #:random-seed #f #:seed 7))

(define (regenerate-selection image photo)
  (gimp-image-select-ellipse image CHANNEL-OP-REPLACE 60 40 240 180)
  (gimp-selection-feather image 20)
  (plug-in-pentimento-regenerate-selection
    #:run-mode RUN-NONINTERACTIVE #:image image #:drawables (vector photo)
    #:prompt "a yellow moon, night" #:strength-preset "new" #:steps 8))

(define (text-to-image image photo)
  (plug-in-pentimento-txt2img
    #:run-mode RUN-NONINTERACTIVE #:image image #:drawables (vector photo)
    #:prompt "a blue mountain" #:width 128 #:height 128 #:steps 8))

(define (generate-again image result-layer)
  (plug-in-pentimento-generate-again
    #:run-mode RUN-NONINTERACTIVE #:image image #:drawables (vector result-layer)))

; With the values of the last time the dialog was confirmed in GIMP.
(define (repeat-with-last-values image photo)
  (plug-in-pentimento-img2img
    #:run-mode RUN-WITH-LAST-VALS #:image image #:drawables (vector photo)))

; A result is a list: the new layer, then a vector of all new layers.
(define (main source target)
  (let* ((image (gimp-file-load RUN-NONINTERACTIVE source))
         (photo (vector-ref (gimp-image-get-layers image) 0))
         (restyled (car (image-to-image image photo))))
    (regenerate-selection image photo)
    (text-to-image image photo)
    (generate-again image restyled)
    (repeat-with-last-values image photo)
    (gimp-file-save RUN-NONINTERACTIVE image target)
    (gimp-image-delete image)))
